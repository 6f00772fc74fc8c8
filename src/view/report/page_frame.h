// What stands around every page.
#pragma once

#include <string>

namespace mm {

/// A whole page with style and script. It loads nothing, and its content policy forbids that.
///   title  text of any origin
///   body   HTML, behind the heading
std::string page_frame(const std::string& title, const std::string& body);

}  // namespace mm
