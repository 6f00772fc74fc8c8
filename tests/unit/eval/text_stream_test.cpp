// What a reader sees of a text that is still being written.
#include "eval/generation/text_stream.h"

#include <gtest/gtest.h>

#include "tests/unit/core/temp_folder.h"
#include "tests/unit/data/data_files.h"

namespace mm {
namespace {

/// A token for each byte: the text that is out after each of them.
std::vector<std::string> pieces(const std::string& text, std::vector<std::string> stop = {}) {
  const ByteTokenizer tokenizer;
  TextStream stream(tokenizer, tokenizer.bos_id(), std::move(stop));
  std::vector<std::string> out;
  for (const int32_t token : tokenizer.encode(text)) {
    out.push_back(stream.add(token));
    if (stream.stopped()) return out;
  }
  out.push_back(stream.finish());
  return out;
}

using Pieces = std::vector<std::string>;

TEST(TextStream, ComesInWholeCharacters) {
  EXPECT_EQ(pieces("a\xC3\xA9z"), (Pieces{"a", "", "\xC3\xA9", "z", ""}));
  EXPECT_EQ(pieces("\xF0\x9F\x98\x80"), (Pieces{"", "", "", "\xF0\x9F\x98\x80", ""}));
  // Broken text comes as it is, once it is certain that it is broken, or at the end.
  EXPECT_EQ(pieces("\xE4\xBD!"), (Pieces{"", "", "\xE4\xBD!", ""}));
  EXPECT_EQ(pieces("a\xE4"), (Pieces{"a", "", "\xE4"}));
}

TEST(TextStream, KeepsBackWhatMayBecomeAStopText) {
  EXPECT_EQ(pieces("one END two", {"END"}), (Pieces{"o", "n", "e", " ", "", "", ""}));
  EXPECT_EQ(pieces("E EN EEND", {"END"}), (Pieces{"", "E ", "", "", "EN ", "", "E", "", ""}));
  EXPECT_EQ(pieces("xEN", {"END"}), (Pieces{"x", "", "", "EN"}));
  EXPECT_EQ(pieces("abc", {"c", "bcd"}), (Pieces{"a", "", "b"}));
  EXPECT_EQ(pieces("abab", {"abab"}), (Pieces{"", "", "", ""}));
}

}  // namespace
}  // namespace mm
