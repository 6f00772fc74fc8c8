// The printable characters that a byte-level vocabulary writes bytes with.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mm {

/// The character, in UTF-8, that stands for `byte` in a byte-level vocabulary: printable Latin-1 characters stand for
/// themselves, the other 68 bytes for U+0100 to U+0143 in order. A space is U+0120.
/// Source: GPT-2's `bytes_to_unicode`.
std::string symbol_of_byte(uint8_t byte);

/// The bytes that the characters of `symbols` (valid UTF-8) stand for; nothing when one of them stands for none.
std::optional<std::string> bytes_of_symbols(std::string_view symbols);

}  // namespace mm
