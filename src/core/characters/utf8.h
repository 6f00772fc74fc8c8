// UTF-8 that may be broken: one character at a time, and what other programs show of it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace mm {

/// What a text begins with. Of broken UTF-8 it is the longest start of some character, or one byte, read as U+FFFD:
/// the "maximal subpart" of the Unicode standard, section 3.9.
struct Utf8Character {
  char32_t code_point;
  size_t length;  ///< bytes
  bool valid;
};

/// The first character of `text`, which must not be empty.
Utf8Character first_character(std::string_view text);

bool is_utf8(std::string_view bytes);

/// Appends a character that is no surrogate.
void append_utf8(char32_t code_point, std::string& text);

/// `bytes` with U+FFFD in place of each maximal subpart that is not UTF-8: the rule of browsers, of Rust's
/// `String::from_utf8_lossy` and of Python's `bytes.decode(errors="replace")`.
std::string lossy_utf8(std::string_view bytes);

}  // namespace mm
