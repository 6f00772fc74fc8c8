// What standard output is when it is a terminal: its size, colours and characters, and text cut to fit it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace mm {

/// Whether standard output is a terminal whose rows can be redrawn (TERM is not `dumb`).
bool is_terminal();

struct TerminalSize {
  size_t rows = 24;
  size_t columns = 80;
};

/// As it is now: a user may resize it at any time. 24 x 80 where nobody tells.
TerminalSize terminal_size();

enum class TerminalColours { kNone, k256, k24Bit };

/// What colours the environment allows: none with a NO_COLOR that is not empty (https://no-color.org), else what
/// COLORTERM and TERM promise.
TerminalColours terminal_colours();

/// Whether the locale's character set is UTF-8, by the variables that C programs look at, in their order.
bool locale_is_utf8();

/// `parts` with bars between them, in as few rows of at most `columns` as they need; a part is never broken.
std::vector<std::string> rows_of_parts(const std::vector<std::string>& parts, size_t columns);

/// Columns that `row` takes: two for East Asian wide characters, none for colour sequences (`\x1b[...m`).
size_t display_columns(std::string_view row);

/// The start of `row` that takes at most `columns`. What a colour sequence has changed is reset at its end.
std::string cut_to_columns(std::string_view row, size_t columns);

}  // namespace mm
