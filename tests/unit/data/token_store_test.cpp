// The token store of a text file: built once, found again, and rebuilt when it no longer fits.
#include "data/token_store.h"

#include <gtest/gtest.h>

#include "core/hash.h"
#include "data_files.h"

namespace mm {
namespace {

namespace fs = std::filesystem;

std::string store_path(const std::string& folder, uint64_t fingerprint = 7) {
  return folder + "/a." + hex64(fingerprint) + ".tokens";
}

TEST(TokenStore, DocumentsAreTheirTokensBetweenBosAndEos) {
  const std::string folder = test_folder();
  const TokenStore store = TokenStore::open(write_texts(folder, "a.jsonl", {"ab", "", "c"}), "", ByteTokenizer());
  EXPECT_EQ(store.documents(), 2);
  EXPECT_EQ(all_tokens(store), (std::vector<int64_t>{1, 3 + 'a', 3 + 'b', 2, 1, 3 + 'c', 2}));
  EXPECT_EQ(store.document_begin(1), 4);
  EXPECT_EQ(store.document_end(1), 7);
  EXPECT_TRUE(fs::exists(store_path(folder)));
}

TEST(TokenStore, ASecondOpeningUsesTheFile) {
  const std::string folder = test_folder();
  const std::string text = write_texts(folder, "a.jsonl", {"ab"});
  TokenStore::open(text, "", ByteTokenizer());
  const auto written = fs::last_write_time(store_path(folder));
  ::testing::internal::CaptureStdout();
  EXPECT_EQ(TokenStore::open(text, "", ByteTokenizer()).tokens(), 4);
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "");
  EXPECT_EQ(fs::last_write_time(store_path(folder)), written);
}

TEST(TokenStore, AChangedTextIsTokenizedAgain) {
  const std::string folder = test_folder();
  const uint64_t before = TokenStore::open(write_texts(folder, "a.jsonl", {"ab"}), "", ByteTokenizer()).fingerprint();
  const TokenStore store = TokenStore::open(write_texts(folder, "a.jsonl", {"ax"}), "", ByteTokenizer());
  EXPECT_EQ(all_tokens(store), (std::vector<int64_t>{1, 3 + 'a', 3 + 'x', 2}));
  EXPECT_NE(store.fingerprint(), before);
}

TEST(TokenStore, ADamagedFileIsReplacedAndTheLogSaysSo) {
  const std::string folder = test_folder();
  const std::string text = write_texts(folder, "a.jsonl", {"ab", "cd"});
  const std::vector<int64_t> tokens = all_tokens(TokenStore::open(text, "", ByteTokenizer()));
  const std::string good = read_file(store_path(folder), ExitCode::kData);
  std::string flipped = good;
  flipped[50] = static_cast<char>(flipped[50] ^ 1);
  for (const std::string& bad : {flipped, good.substr(0, 60), std::string("x"), std::string()}) {
    write_file_atomic(store_path(folder), bad);
    ::testing::internal::CaptureStdout();
    EXPECT_EQ(all_tokens(TokenStore::open(text, "", ByteTokenizer())), tokens);
    EXPECT_NE(::testing::internal::GetCapturedStdout().find("is damaged and will be built again"), std::string::npos);
    EXPECT_TRUE(read_file(store_path(folder), ExitCode::kData) == good);
  }
}

TEST(TokenStore, EachTokenizerHasItsOwnFile) {
  const std::string folder = test_folder();
  const std::string text = write_texts(folder, "a.jsonl", {"ab"});
  const uint64_t first = TokenStore::open(text, "", ByteTokenizer(7)).fingerprint();
  EXPECT_NE(TokenStore::open(text, "", ByteTokenizer(8)).fingerprint(), first);
  EXPECT_TRUE(fs::exists(store_path(folder, 7)));
  EXPECT_TRUE(fs::exists(store_path(folder, 8)));
}

TEST(TokenStore, TheCacheFolderIsMadeAndUsed) {
  const std::string folder = test_folder();
  TokenStore::open(write_texts(folder, "a.jsonl", {"ab"}), folder + "/deep/cache", ByteTokenizer());
  EXPECT_TRUE(fs::exists(store_path(folder + "/deep/cache")));
  EXPECT_FALSE(fs::exists(store_path(folder)));
}

TEST(TokenStore, ManyPartsGiveTheSameAsOne) {
  std::vector<std::string> texts;
  for (int i = 0; i < 100; ++i) texts.push_back(std::string(100000, static_cast<char>('a' + i % 26)));
  const TokenStore store = TokenStore::open(write_texts(test_folder(), "a.jsonl", texts), "", ByteTokenizer(7, 100000));
  ASSERT_EQ(store.documents(), 100);
  for (int64_t i = 0; i < 100; ++i) {
    ASSERT_EQ(store.document_end(i), (i + 1) * 100002);
    int64_t edge[4];
    store.read(store.document_begin(i), 2, edge);
    store.read(store.document_end(i) - 2, 2, edge + 2);
    EXPECT_EQ(edge[0], 1);
    EXPECT_EQ(edge[1], 3 + 'a' + i % 26);
    EXPECT_EQ(edge[2], 3 + 'a' + i % 26);
    EXPECT_EQ(edge[3], 2);
  }
}

TEST(TokenStore, ABadLineLeavesNoFileBehind) {
  const std::string folder = test_folder();
  write_file_atomic(folder + "/a.jsonl", "{\"text\": \"a\"}\n{}\n");
  EXPECT_NE(error_of(ExitCode::kData, [&] { TokenStore::open(folder + "/a.jsonl", "", ByteTokenizer()); })
                .find("a.jsonl:2: got no \"text\""),
            std::string::npos);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder), fs::directory_iterator()), 1);
}

TEST(TokenStore, AFolderThatCannotHoldItNamesTheCacheSetting) {
  const std::string folder = test_folder();
  const std::string text = write_texts(folder, "a.jsonl", {"ab"});
  const std::string message = error_of(ExitCode::kStorage, [&] { TokenStore::open(text, text, ByteTokenizer()); });
  EXPECT_NE(message.find("data.cache"), std::string::npos) << message;
}

}  // namespace
}  // namespace mm
