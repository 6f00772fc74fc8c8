// Text in gzip and zstd archives: read as the text that they hold, unpacked once, refused where damaged.
#include "data/text/files/unpacked.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "data/datasets.h"
#include "data_files.h"
#include "tests/support/foreign_bytes.h"

namespace mm {
namespace {

namespace fs = std::filesystem;

using Pack = std::string (*)(const std::string& text);

class Unpacked : public testing::TestWithParam<Pack> {
 protected:
  static std::string write(const std::string& path, const std::string& content) {
    write_file_atomic(path, content);
    return path;
  }
  static std::string pack(const std::string& text) { return GetParam()(text); }
};

/// Three megabytes that hardly compress, and 37 documents at their beginning.
std::string some_text() {
  std::string text;
  for (const std::string& each : numbered_texts(37)) text += "{\"text\": \"" + each + "\"}\n";
  text += "{\"text\": \"";
  uint32_t state = 1;
  for (int i = 0; i < 3 << 20; ++i)
    text += static_cast<char>('a' + ((state = state * 1664525 + 1013904223) >> 24) % 26);
  return text + "\"}\n";
}

TEST_P(Unpacked, HasTheTokensAndTheFingerprintOfTheTextInIt) {
  const std::string folder = test_folder(), text = some_text();
  const TokenStore plain = TokenStore::open(write(folder + "/a.jsonl", text), "", ByteTokenizer());
  const TokenStore packed = TokenStore::open(write(folder + "/b.jsonl.packed", pack(text)), "", ByteTokenizer());
  EXPECT_EQ(packed.documents(), 38);
  EXPECT_EQ(packed.fingerprint(), plain.fingerprint());
  EXPECT_TRUE(all_tokens(packed) == all_tokens(plain));
}

TEST_P(Unpacked, SeveralMembersAreReadOneBehindTheOther) {
  const std::string folder = test_folder();
  const std::string path = write(folder + "/a", pack("{\"text\": \"a\"}\n{\"te") + pack("xt\": \"b\"}\n") + pack(""));
  EXPECT_EQ(TokenStore::open(path, "", ByteTokenizer()).documents(), 2);
}

TEST_P(Unpacked, IsMadeOnceAndAgainForAnotherArchive) {
  const std::string folder = test_folder();
  const std::string path = write(folder + "/a.jsonl.gz", pack("{\"text\": \"first\"}\n"));
  const std::string first = unpacked(path, "");
  const auto written = fs::last_write_time(first);
  EXPECT_EQ(unpacked(path, ""), first);
  EXPECT_EQ(fs::last_write_time(first), written);
  EXPECT_EQ(read_file(first, ExitCode::kData), "{\"text\": \"first\"}\n");
  write(path, pack("{\"text\": \"other\"}\n"));
  const std::string other = unpacked(path, "");
  EXPECT_EQ(read_file(other, ExitCode::kData), "{\"text\": \"other\"}\n");
  EXPECT_FALSE(fs::exists(first)) << "what nobody needs takes room";
}

TEST_P(Unpacked, GoesToTheCacheWhereThereIsOne) {
  const std::string folder = test_folder();
  const std::string path = write(folder + "/text/a.jsonl.zst", pack("{\"text\": \"a\"}\n"));
  EXPECT_TRUE(unpacked(path, folder + "/cache").starts_with(folder + "/cache/a.jsonl.zst."));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder + "/text"), fs::directory_iterator()), 1);
}

TEST_P(Unpacked, EveryTruncationIsAnErrorWithTheNameAndLeavesNothing) {
  const std::string folder = test_folder(), path = folder + "/a.jsonl.gz";
  const std::string archive = pack("{\"text\": \"some text, some text, some more text\"}\n");
  for (size_t length = 4; length < archive.size(); ++length) {
    write(path, archive.substr(0, length));
    const std::string error = error_of(ExitCode::kData, [&] { unpacked(path, ""); });
    EXPECT_TRUE(error.starts_with(path + ": got ")) << length << ": " << error;
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(path + ".unpacked"), fs::directory_iterator()), 1) << "the lock alone";
}

TEST_P(Unpacked, FlippedBitsAreNoticed) {
  const std::string folder = test_folder(), path = folder + "/a.jsonl.gz";
  const std::string text = "{\"text\": \"some text, some text, some more text\"}\n", archive = pack(text);
  int refused = 0;
  for (size_t i = 4; i < archive.size(); ++i) {
    std::string flipped = archive;
    flipped[i] = static_cast<char>(flipped[i] ^ 4);
    write(path, flipped);
    try {
      // A gzip file has a date and other words that nothing depends on.
      EXPECT_EQ(read_file(unpacked(path, ""), ExitCode::kData), text) << i;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::kData);
      ++refused;
    }
  }
  EXPECT_GT(refused, static_cast<int>(archive.size()) / 2);
}

TEST_P(Unpacked, WhatIsBehindTheArchiveIsAnError) {
  const std::string path = write(test_folder() + "/a.jsonl.gz", pack("{\"text\": \"a\"}\n") + "more");
  EXPECT_NE(error_of(ExitCode::kData, [&] { unpacked(path, ""); }).find("a damaged "), std::string::npos);
}

TEST_P(Unpacked, LinesAreNamedByTheArchive) {
  const std::string path = write(test_folder() + "/a.jsonl.gz", pack("{\"text\": \"a\"}\n{}\n"));
  EXPECT_NE(error_of(ExitCode::kData, [&] { TokenStore::open(path, "", ByteTokenizer()); }).find(path + ":2: got "),
            std::string::npos);
}

TEST_P(Unpacked, TheKindOfTextIsThatOfTheNameWithoutTheEnding) {
  const std::string folder = test_folder();
  const std::string csv = write(folder + "/b.csv.gz", pack("text,id\nx,1\n"));
  EXPECT_EQ(all_tokens(TokenStore::open(csv, "", ByteTokenizer())), (std::vector<int64_t>{1, 3 + 'x', 2}));
  EXPECT_EQ(domain_of({.path = csv, .domain = ""}), "b");
  const std::string tar = write(folder + "/c.tar.gz", pack(std::string(257, 'x') + "ustar"));
  EXPECT_NE(error_of(ExitCode::kData, [&] { TokenStore::open(tar, "", ByteTokenizer()); })
                .find("got a tar archive, want JSON Lines, a JSON array, CSV or plain text in UTF-8 (tar -xf " + tar),
            std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(All, Unpacked, testing::Values(gzipped, zstandard),
                         [](const auto& pack) { return pack.index == 0 ? "Gzip" : "Zstd"; });

}  // namespace
}  // namespace mm
