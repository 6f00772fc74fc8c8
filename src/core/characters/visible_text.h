// Bytes of any kind as text that can be seen: on one line, or on a terminal.
#pragma once

#include <string>
#include <string_view>

namespace mm {

/// `bytes` with `\n`, `\t`, `\r` and `\\` for those characters, `\x1b` for other control characters and for bytes that
/// are no UTF-8, and `\u{202e}` for characters that show nothing or turn the text around them. No two texts look the
/// same.
std::string visible_text(std::string_view bytes);

/// Text of several lines for a terminal: as it is but for what the terminal might obey. Control characters other than
/// line ends and tabs, and bytes that are no UTF-8, become `\x1b`.
std::string terminal_text(std::string_view bytes);

}  // namespace mm
