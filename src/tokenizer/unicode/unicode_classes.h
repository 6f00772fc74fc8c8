// Letters, numbers and white space as Unicode knows them.
#pragma once

#include <cstdint>

namespace mm {

enum class CharacterClass : uint8_t { kOther, kLetter, kNumber, kSpace };

/// `\p{L}`, `\p{N}` and `\s` of a regular expression, for any code point; what Unicode does not know is `kOther`.
/// Unicode 16.0, the version that version 0.22 of Hugging Face's tokenizers cuts words with.
CharacterClass character_class(char32_t code_point);

}  // namespace mm
