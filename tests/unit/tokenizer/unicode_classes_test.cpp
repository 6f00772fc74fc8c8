// The classes of every code point, as Hugging Face's tokenizers 0.22 splits them.
#include "tokenizer/unicode/unicode_classes.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <string_view>

#include "core/hash.h"

namespace mm {
namespace {

TEST(UnicodeClasses, EveryCodePointHasTheClassThatTheLibraryUses) {
  std::string classes;
  std::array<int, 4> counts{};
  for (char32_t c = 0; c < 0x110000; ++c) {
    const auto value = static_cast<unsigned>(character_class(c));
    ++counts[value];
    classes += static_cast<char>('0' + value);
  }
  EXPECT_EQ(counts[static_cast<size_t>(CharacterClass::kLetter)], 141028);
  EXPECT_EQ(counts[static_cast<size_t>(CharacterClass::kNumber)], 1911);
  EXPECT_EQ(counts[static_cast<size_t>(CharacterClass::kSpace)], 25);
  // Of the string that the library's own splits give: one digit a code point, surrogates as 0.
  EXPECT_EQ(hex64(hash64(classes)), "28cad7de58662207");
}

TEST(UnicodeClasses, LettersNumbersAndSpacesOfManyScripts) {
  for (const char32_t c : std::u32string_view(U"aZéßøſΩЖאبक中ゟ한𐀀ªʰˀⁿ")) {
    EXPECT_EQ(character_class(c), CharacterClass::kLetter) << static_cast<uint32_t>(c);
  }
  for (const char32_t c : std::u32string_view(U"09²¼٣௧Ⅷ①〇㊿𝟘")) {
    EXPECT_EQ(character_class(c), CharacterClass::kNumber) << static_cast<uint32_t>(c);
  }
  for (const char32_t c : std::u32string_view(U"\t\n\v\f\r \u0085\u00A0\u1680\u2003\u2028\u202F\u3000")) {
    EXPECT_EQ(character_class(c), CharacterClass::kSpace) << static_cast<uint32_t>(c);
  }
  for (const char32_t c :
       std::u32string_view(U"_!\u0301\u180E\u200B\u200D\uFEFF\uFFFD😀，。\u0BCD\U000E0001\U0010FFFF")) {
    EXPECT_EQ(character_class(c), CharacterClass::kOther) << static_cast<uint32_t>(c);
  }
}

}  // namespace
}  // namespace mm
