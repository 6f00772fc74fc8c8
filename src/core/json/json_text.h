// Text as JSON, and text out of files as messages show it.
#pragma once

#include <string>
#include <string_view>

namespace mm {

/// `text` as a JSON string; bytes that are not UTF-8 become U+FFFD, and all control characters are escaped.
std::string quote_json(std::string_view text);

/// `text` cut to a readable length between two characters, with "..." for the rest; as it is when short.
std::string cut_text(std::string_view text);

/// A text for a message: quoted and cut.
std::string show_text(std::string_view text);

/// A dotted key for a message: as it is when plain, else quoted and cut, so that no text can fake or break a line.
std::string show_key(std::string_view key);

/// A dotted key: `key` alone at the top.
std::string dotted(std::string_view section, std::string_view key);

}  // namespace mm
