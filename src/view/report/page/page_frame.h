// What stands around every page.
#pragma once

#include <string>

namespace mm {

/// How a page reaches who looks at it.
struct PageUse {
  bool served = false;     ///< by a dashboard: it asks for itself again and shows what has changed
  std::string links = {};  ///< HTML in front of the heading: where else one can go
};

/// A whole page with style and script. By itself it loads nothing, and its content policy forbids that; a served one
/// may ask the server that it came from, and nobody else. No other script runs on it than its own.
///   title  text of any origin
///   body   HTML, behind the heading
std::string page_frame(const std::string& title, const std::string& body, const PageUse& use = {});

}  // namespace mm
