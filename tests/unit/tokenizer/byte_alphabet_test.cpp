// The alphabet is GPT-2's, and goes both ways.
#include "tokenizer/unicode/byte_alphabet.h"

#include <gtest/gtest.h>

#include <set>

namespace mm {
namespace {

TEST(ByteAlphabet, PrintableBytesStandForThemselvesAndOthersAreMovedUp) {
  EXPECT_EQ(symbol_of_byte('!'), "!");
  EXPECT_EQ(symbol_of_byte('~'), "~");
  EXPECT_EQ(symbol_of_byte(' '), "Ġ");
  EXPECT_EQ(symbol_of_byte('\n'), "Ċ");
  EXPECT_EQ(symbol_of_byte(0), "Ā");
  EXPECT_EQ(symbol_of_byte(0x7F), "ġ");
  EXPECT_EQ(symbol_of_byte(0xA0), "ł");
  EXPECT_EQ(symbol_of_byte(0xA1), "¡");
  EXPECT_EQ(symbol_of_byte(0xAD), "Ń");
  EXPECT_EQ(symbol_of_byte(0xFF), "ÿ");
}

TEST(ByteAlphabet, EveryByteComesBackFromItsSymbol) {
  std::set<std::string> symbols;
  std::string all_symbols, all_bytes;
  for (int byte = 0; byte < 256; ++byte) {
    symbols.insert(symbol_of_byte(static_cast<uint8_t>(byte)));
    all_symbols += symbol_of_byte(static_cast<uint8_t>(byte));
    all_bytes += static_cast<char>(byte);
  }
  EXPECT_EQ(symbols.size(), 256u);
  EXPECT_EQ(bytes_of_symbols(all_symbols), all_bytes);
}

TEST(ByteAlphabet, CharactersOutsideItStandForNoByte) {
  for (const char* text : {" ", "a b", "\n", "\u00A0", "\u00AD", "\u0144", "中", "Ġ中"}) {
    EXPECT_EQ(bytes_of_symbols(text), std::nullopt) << text;
  }
  EXPECT_EQ(bytes_of_symbols(""), "");
}

}  // namespace
}  // namespace mm
