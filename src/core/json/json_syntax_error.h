// The errors of nlohmann's parser in words that a person can act on.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace mm {

/// What a syntax error is about: the parts of got_want() and the place in the text.
struct SyntaxError {
  size_t offset;
  std::string got, want, remedy;
};

/// What the parser refused in `text`.
///   end      how much of the text it had read; one more than there is when it ran out of it
///   message  its own
///   inside   the path of the innermost container that is open, for a message; empty at the top
SyntaxError explain_syntax_error(std::string_view text, size_t end, std::string_view message,
                                 const std::string& inside);

/// `line:column` of a byte, both from 1; a column is a character, not a byte.
std::string line_and_column(std::string_view text, size_t offset);

}  // namespace mm
