// Unicode's normalization form C: one spelling for texts that look the same.
#pragma once

#include <string>
#include <string_view>

namespace mm {

/// Whether to_nfc() would change nothing, as far as single characters tell: always true of most text, Chinese among it.
bool is_surely_nfc(std::string_view text);

/// `text`, valid UTF-8, in normalization form C of Unicode 9.0: what version 0.22 of Hugging Face's tokenizers gives.
/// Source: Unicode Standard Annex 15.
std::string to_nfc(std::string_view text);

}  // namespace mm
