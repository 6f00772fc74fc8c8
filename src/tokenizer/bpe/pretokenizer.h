// Where GPT-2's pattern cuts a text into words.
#pragma once

#include <cstddef>
#include <string_view>

namespace mm {

/// The length in bytes of the first word of `text`, which must not be empty, by the pattern
///   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
/// Scripts without spaces give words of any length. Bytes that are not UTF-8 count as a character that is neither
/// letter, number nor space. Linear: a text is read at most twice while all its words are taken.
size_t first_word_length(std::string_view text);

/// The length of the contraction that `text` begins with, such as `'re`, or 0.
size_t contraction_length(std::string_view text);

}  // namespace mm
