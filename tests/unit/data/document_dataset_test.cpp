// Documents that stand whole in their rows: what is fed, what is a target, where one ends and the next begins.
#include "data/windows/packing/document_dataset.h"

#include <gtest/gtest.h>

#include <map>

#include "data_files.h"

namespace mm {
namespace {

using Rows = DocumentDataset::Rows;
using Row = std::vector<int64_t>;

/// `a` is token 100.
constexpr int64_t kA = 3 + 'a';

DocumentDataset documents_of(const std::vector<std::string>& texts, int64_t length, Rows rows) {
  const auto store = std::make_shared<const TokenStore>(
      TokenStore::open(write_texts(test_folder(), "a.jsonl", texts), "", ByteTokenizer()));
  return DocumentDataset(
      "data.train", {{store, "domain"}}, [](size_t, int64_t) { return true; }, length, rows);
}

struct FilledRow {
  Row tokens, targets, lengths;
};

FilledRow filled(const DocumentDataset& dataset, int64_t row) {
  const auto length = static_cast<size_t>(dataset.sequence_length());
  FilledRow result{Row(length), Row(length), {}};
  dataset.fill(row, result.tokens.data(), result.targets.data());
  dataset.append_lengths(row, result.lengths);
  return result;
}

TEST(DocumentDataset, APositionHasATargetInItsOwnDocumentOrNone) {
  const DocumentDataset dataset = documents_of({"abc", "a", "b"}, 9, Rows::kPacked);
  ASSERT_EQ(dataset.windows(), 1);
  const FilledRow row = filled(dataset, 0);
  EXPECT_EQ(row.lengths, (Row{4, 2, 2, 1}));
  EXPECT_EQ(row.tokens, (Row{1, kA, kA + 1, kA + 2, 1, kA, 1, kA + 1, 0}));
  EXPECT_EQ(row.targets, (Row{kA, kA + 1, kA + 2, 2, kA, 2, kA + 1, 2, kIgnoredTarget}));
  EXPECT_GE(dataset.documents_in_window(), 4);
  EXPECT_FALSE(dataset.counts_padding());
  EXPECT_EQ(dataset.use().padding, 1);
}

TEST(DocumentDataset, EveryTokenButTheFirstOfADocumentIsATargetExactlyOnce) {
  std::vector<std::string> texts = numbered_texts(300);
  texts.push_back(std::string(100, 'z'));  // longer than a row
  const DocumentDataset dataset = documents_of(texts, 16, Rows::kPacked);
  std::map<int64_t, int64_t> left;
  int64_t wanted = 0, real = 0, positions = 0;
  for (const std::string& text : texts) {
    for (const int32_t id : ByteTokenizer().encode(text)) ++left[id];
    wanted += static_cast<int64_t>(text.size()) + 1;
  }
  left[ByteTokenizer().eos_id()] = std::ssize(texts);
  for (int64_t row = 0; row < dataset.windows(); ++row) {
    const FilledRow one = filled(dataset, row);
    for (const int64_t target : one.targets) {
      if (target == kIgnoredTarget) continue;
      --left[target];
      ++real;
    }
    for (const int64_t length : one.lengths) positions += length;
    EXPECT_LE(std::ssize(one.lengths), dataset.documents_in_window());
  }
  for (const auto& [token, count] : left) EXPECT_EQ(count, 0) << token;
  EXPECT_EQ(real, wanted);
  EXPECT_EQ(positions, dataset.windows() * 16);
  EXPECT_EQ(dataset.use().padding, positions - wanted);
  EXPECT_EQ(dataset.use().split_documents, 1);
  EXPECT_EQ(dataset.use().tokens_left_out, 0);
  EXPECT_EQ(dataset.documents(), 301);
}

TEST(DocumentDataset, ADocumentLongerThanARowIsCutIntoPartsThatGoOnWhereTheLastOneEnds) {
  const DocumentDataset dataset = documents_of({"abcdefghij"}, 4, Rows::kPacked);
  ASSERT_EQ(dataset.windows(), 3);
  EXPECT_EQ(filled(dataset, 0).tokens, (Row{1, kA, kA + 1, kA + 2}));
  EXPECT_EQ(filled(dataset, 0).targets, (Row{kA, kA + 1, kA + 2, kA + 3}));
  EXPECT_EQ(filled(dataset, 1).tokens, (Row{kA + 3, kA + 4, kA + 5, kA + 6}));
  EXPECT_EQ(filled(dataset, 2).targets, (Row{kA + 8, kA + 9, 2, kIgnoredTarget}));
}

TEST(DocumentDataset, OneDocumentInARowIsPaddedOrLosesItsEndButNotItsEos) {
  const DocumentDataset dataset = documents_of({"ab", "abcdef"}, 4, Rows::kOneDocument);
  ASSERT_EQ(dataset.windows(), 2);
  EXPECT_EQ(filled(dataset, 0).tokens, (Row{1, kA, kA + 1, 0}));
  EXPECT_EQ(filled(dataset, 0).targets, (Row{kA, kA + 1, 2, kIgnoredTarget}));
  EXPECT_EQ(filled(dataset, 1).tokens, (Row{1, kA, kA + 1, kA + 2}));
  EXPECT_EQ(filled(dataset, 1).targets, (Row{kA, kA + 1, kA + 2, 2}));
  EXPECT_EQ(dataset.documents_in_window(), 0);
  EXPECT_EQ(dataset.use().padding, 1);
  EXPECT_EQ(dataset.use().split_documents, 1);
  EXPECT_EQ(dataset.use().tokens_left_out, 3);
}

TEST(DocumentDataset, EveryPositionIsNumberedByItsDocument) {
  const DocumentDataset dataset = documents_of({"a", "abc", "b"}, 9, Rows::kPacked);
  Row numbers(9);
  dataset.number_documents(0, numbers.data());
  EXPECT_EQ(numbers, (Row{0, 0, 1, 1, 1, 1, 2, 2, 2}));
  EXPECT_EQ(dataset.domains(), std::vector<std::string>{"domain"});
  dataset.label_domains(0, numbers.data());
  EXPECT_EQ(numbers, Row(9, 0));
}

TEST(DocumentDataset, NothingToPredictIsExplained) {
  EXPECT_EQ(error_of(ExitCode::kData, [] { documents_of({}, 4, Rows::kPacked); }),
            "data.train: got no documents, want a document of at least 2 tokens "
            "(add text, or change data.validation_fraction)");
}

TEST(DocumentDataset, TheFingerprintTellsOtherRowsApart) {
  const auto fingerprint = [](int64_t length, Rows rows) {
    return documents_of(numbered_texts(9), length, rows).fingerprint();
  };
  EXPECT_EQ(fingerprint(16, Rows::kPacked), fingerprint(16, Rows::kPacked));
  EXPECT_NE(fingerprint(16, Rows::kPacked), fingerprint(17, Rows::kPacked));
  EXPECT_NE(fingerprint(16, Rows::kPacked), fingerprint(16, Rows::kOneDocument));
}

}  // namespace
}  // namespace mm
