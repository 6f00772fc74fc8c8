// Files that people name for text and that are something else.
#pragma once

#include <string>
#include <string_view>

namespace mm {

/// What a file that is no text is, and what makes text of it; both empty when it may be text.
struct ForeignFile {
  std::string what;    ///< as in "got <what>"
  std::string remedy;  ///< a command, mostly
};

ForeignFile recognize_foreign(const std::string& path, std::string_view file);

}  // namespace mm
