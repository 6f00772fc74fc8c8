// Fingerprints are stored in files: they must never change.
#include "core/hash.h"

#include <gtest/gtest.h>

namespace {

TEST(Hash, GivesThePublishedXxh3Values) {
  EXPECT_EQ(mm::hash64(""), 0x2d06800538d394c2u);
  EXPECT_EQ(mm::hash64("a"), 0xe6c632b61e964e1fu);
}

TEST(Hash, TextAndItsBytesAgree) {
  const std::string text = "床前明月光";
  EXPECT_EQ(mm::hash64(text), mm::hash64(std::as_bytes(std::span(text))));
}

TEST(Hash, PartsGiveTheHashOfTheWhole) {
  const std::string text(10000, 'x');
  const auto bytes = std::as_bytes(std::span(text));
  mm::Hasher hasher;
  hasher.add(bytes.first(1));
  hasher.add({});
  hasher.add(bytes.subspan(1, 4000));
  hasher.add(bytes.subspan(4001));
  EXPECT_EQ(hasher.value(), mm::hash64(text));
}

TEST(Hash, HexHasSixteenDigits) {
  EXPECT_EQ(mm::hex64(0x2d06u), "0000000000002d06");
  EXPECT_EQ(mm::hex64(~uint64_t{0}), "ffffffffffffffff");
}

}  // namespace
