// The format of token files: what was written is read, and no damaged byte gets through.
#include "data/tokens/token_file.h"

#include <gtest/gtest.h>

#include <cstring>

#include "data_files.h"

namespace mm {
namespace {

TokenFileHeader header_for(int64_t vocab_size) {
  static const std::string source = "source";
  return token_file_header(std::as_bytes(std::span(source)), 3, 5, vocab_size);
}

/// The bytes of a token file with the documents {1, 10, 2}, {1, 2}, {1, 20, 30, 2}.
std::string small_file(int64_t vocab_size) {
  const std::string path = test_folder() + "/a.tokens";
  TokenFileWriter writer(path, header_for(vocab_size));
  writer.add(std::vector<int32_t>{1, 10, 2, 1, 2}, std::vector<uint64_t>{3, 5}, std::vector<uint64_t>{111, 222});
  writer.add(std::vector<int32_t>{1, 20, 30, 2}, std::vector<uint64_t>{4}, std::vector<uint64_t>{333});
  writer.commit();
  return read_file(path, ExitCode::kData);
}

/// Whether `bytes` pass the check, which must not read outside of them whatever they are.
bool passes(const std::string& bytes, int64_t vocab_size, std::string& problem) {
  std::vector<uint64_t> aligned(bytes.size() / 8 + 1);
  std::memcpy(aligned.data(), bytes.data(), bytes.size());
  return check_token_file(std::as_bytes(std::span(aligned)).first(bytes.size()), header_for(vocab_size), problem)
      .has_value();
}

class TokenFile : public ::testing::TestWithParam<int64_t> {};

TEST_P(TokenFile, GivesBackTokensAndDocumentEnds) {
  const std::string bytes = small_file(GetParam());
  std::string problem;
  const auto view = check_token_file(std::as_bytes(std::span(bytes)), header_for(GetParam()), problem);
  ASSERT_TRUE(view) << problem;
  const std::vector<uint64_t> expected = {1, 10, 2, 1, 2, 1, 20, 30, 2};
  const bool wide = GetParam() > 65536;
  EXPECT_EQ(wide ? std::vector<uint64_t>(view->wide_tokens.begin(), view->wide_tokens.end())
                 : std::vector<uint64_t>(view->narrow_tokens.begin(), view->narrow_tokens.end()),
            expected);
  EXPECT_EQ(std::vector<uint64_t>(view->ends.begin(), view->ends.end()), (std::vector<uint64_t>{3, 5, 9}));
  EXPECT_EQ(std::vector<uint64_t>(view->hashes.begin(), view->hashes.end()), (std::vector<uint64_t>{111, 222, 333}));
}

TEST_P(TokenFile, OnlyBadLinesMakeItLonger) {
  const auto file_with = [&](const TextCounts& counts) {
    const std::string path = test_folder() + "/a.tokens";
    TokenFileWriter writer(path, header_for(GetParam()));
    writer.add(std::vector<int32_t>{1, 10, 2}, std::vector<uint64_t>{3}, std::vector<uint64_t>{111});
    writer.count(counts);
    writer.commit();
    return read_file(path, ExitCode::kData);
  };
  const std::string good = file_with({.text_bytes = 1, .empty_texts = 4, .special_tokens = 5, .lone_surrogates = 6});
  TextCounts bad_counts;
  bad_counts.bad_lines[BadLine::kNoText] = 2;
  bad_counts.bad_lines[BadLine::kControlName] = 3;
  const std::string bad = file_with(bad_counts);
  EXPECT_EQ(bad.size(), good.size() + sizeof(BadLineCounts)) << "files of before without bad lines stay good";
  std::string problem;
  const auto view = check_token_file(std::as_bytes(std::span(bad)), header_for(GetParam()), problem);
  ASSERT_TRUE(view) << problem;
  EXPECT_EQ(in_words(view->contents.bad_lines), "2 no_text, 3 special_tokens");
  EXPECT_EQ(view->contents.documents, 1);
  EXPECT_EQ(view->contents.tokens, 3);
  const auto view_of_good = check_token_file(std::as_bytes(std::span(good)), header_for(GetParam()), problem);
  ASSERT_TRUE(view_of_good) << problem;
  EXPECT_EQ(view_of_good->contents.bad_lines.total(), 0U);
  EXPECT_EQ(view_of_good->contents.empty_texts, 4);
  EXPECT_EQ(view_of_good->contents.special_tokens, 5);
  EXPECT_EQ(view_of_good->contents.lone_surrogates, 6);
}

TEST_P(TokenFile, EveryFlippedBitIsNoticed) {
  const std::string good = small_file(GetParam());
  std::string problem;
  for (size_t bit = 0; bit < 8 * good.size(); ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(passes(bad, GetParam(), problem)) << "bit " << bit;
  }
}

TEST_P(TokenFile, EveryTruncationIsNoticed) {
  const std::string good = small_file(GetParam());
  std::string problem;
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(passes(good.substr(0, size), GetParam(), problem)) << size << " bytes";
  }
}

TEST_P(TokenFile, HostileCountsAreRefused) {
  const std::string good = small_file(GetParam());
  std::string problem;
  for (const uint64_t hostile : {~uint64_t{0}, uint64_t{1} << 63, uint64_t{1} << 62, uint64_t{1} << 61, uint64_t{10}}) {
    for (const size_t field : {size_t{24}, size_t{16}}) {  // tokens, documents: counted from the end
      std::string bad = good;
      std::memcpy(bad.data() + bad.size() - field, &hostile, sizeof(hostile));
      EXPECT_FALSE(passes(bad, GetParam(), problem));
      EXPECT_EQ(problem, "damaged");
    }
  }
}

INSTANTIATE_TEST_SUITE_P(NarrowAndWide, TokenFile, ::testing::Values(6400, 65536, 65537, 151936));

TEST(TokenFileCheck, TokensOutsideTheVocabularyAreRefused) {
  const std::string path = test_folder() + "/a.tokens";
  TokenFileWriter writer(path, header_for(100));
  writer.add(std::vector<int32_t>{1, 100, 2}, std::vector<uint64_t>{3}, std::vector<uint64_t>{1});
  writer.commit();
  std::string problem;
  EXPECT_FALSE(passes(read_file(path, ExitCode::kData), 100, problem));
}

TEST(TokenFileCheck, AFileMadeFromSomethingElseIsStaleAndNotDamaged) {
  const std::string bytes = small_file(6400);
  std::string problem;
  EXPECT_FALSE(passes(bytes, 6401, problem));
  EXPECT_EQ(problem, "stale");
}

TEST(TokenFileCheck, NoDocumentsAreAllRight) {
  const std::string path = test_folder() + "/a.tokens";
  TokenFileWriter(path, header_for(100)).commit();
  std::string problem;
  EXPECT_TRUE(passes(read_file(path, ExitCode::kData), 100, problem)) << problem;
}

}  // namespace
}  // namespace mm
