// Rows as MiniMind's trainers make them: markers, cuts, padding, what has a target, and a row for every line.
#include "data/windows/padded_dataset.h"

#include "data/windows/targets.h"
#include "data_files.h"

namespace mm {
namespace {

using Row = std::vector<int64_t>;

constexpr RowFormat kCutAtTheEnd = {.markers = true, .keep_end_marker = false, .feed_last_column = false};
constexpr RowFormat kTextAsItIs = {.markers = false, .feed_last_column = false};
constexpr RowFormat kEndMarkerKept = {.markers = true, .keep_end_marker = true, .feed_last_column = true};

/// `a` is token 100.
constexpr int64_t kA = 3 + 'a';

PaddedDataset padded(const std::vector<std::string>& texts, const RowFormat& format, int64_t row_length = 6) {
  return PaddedDataset(write_texts(test_folder(), "a.jsonl", texts), "", ByteTokenizer(), row_length, format);
}

Row row_of(const PaddedDataset& dataset, int64_t row, size_t length = 6) {
  Row ids(length);
  dataset.read_row(row, ids.data());
  return ids;
}

TEST(PaddedDataset, ATextThatIsTooLongLosesItsEndMarkerOrNot) {
  const std::vector<std::string> texts = {"abc", "abcd", "abcde", "abcdef"};
  const PaddedDataset cut = padded(texts, kCutAtTheEnd);
  EXPECT_EQ(row_of(cut, 0), (Row{1, kA, kA + 1, kA + 2, 2, 0}));
  EXPECT_EQ(row_of(cut, 1), (Row{1, kA, kA + 1, kA + 2, kA + 3, 2}));
  EXPECT_EQ(row_of(cut, 2), (Row{1, kA, kA + 1, kA + 2, kA + 3, kA + 4}));
  EXPECT_EQ(row_of(cut, 3), (Row{1, kA, kA + 1, kA + 2, kA + 3, kA + 4}));

  const PaddedDataset kept = padded(texts, kEndMarkerKept);
  EXPECT_EQ(row_of(kept, 0), (Row{1, kA, kA + 1, kA + 2, 2, 0}));
  EXPECT_EQ(row_of(kept, 2), (Row{1, kA, kA + 1, kA + 2, kA + 3, 2}));
  EXPECT_EQ(row_of(kept, 3), (Row{1, kA, kA + 1, kA + 2, kA + 3, 2}));
}

TEST(PaddedDataset, ATextAsItIsHasNoMarkers) {
  const PaddedDataset dataset = padded({"ab", "abcdefg"}, kTextAsItIs);
  EXPECT_EQ(row_of(dataset, 0), (Row{kA, kA + 1, 0, 0, 0, 0}));
  EXPECT_EQ(row_of(dataset, 1), (Row{kA, kA + 1, kA + 2, kA + 3, kA + 4, kA + 5}));
}

TEST(PaddedDataset, EveryLineIsARowEvenWithAnEmptyText) {
  const PaddedDataset dataset = padded({"", "a", "", "", "b", ""}, kEndMarkerKept);
  EXPECT_EQ(dataset.windows(), 6);
  EXPECT_EQ(row_of(dataset, 0), (Row{1, 2, 0, 0, 0, 0}));
  EXPECT_EQ(row_of(dataset, 1), (Row{1, kA, 2, 0, 0, 0}));
  EXPECT_EQ(row_of(dataset, 3), (Row{1, 2, 0, 0, 0, 0}));
  EXPECT_EQ(row_of(dataset, 4), (Row{1, kA + 1, 2, 0, 0, 0}));
  EXPECT_EQ(row_of(dataset, 5), (Row{1, 2, 0, 0, 0, 0}));
}

TEST(PaddedDataset, TheLastColumnIsATargetOnlyOrFedWithoutATarget) {
  Row tokens(6), targets(6);
  const PaddedDataset shorter = padded({"abcd"}, kCutAtTheEnd);
  EXPECT_EQ(shorter.sequence_length(), 5);
  EXPECT_EQ(shorter.fill(0, tokens.data(), targets.data()), 5);
  EXPECT_EQ(Row(tokens.begin(), tokens.begin() + 5), (Row{1, kA, kA + 1, kA + 2, kA + 3}));
  EXPECT_EQ(Row(targets.begin(), targets.begin() + 5), (Row{kA, kA + 1, kA + 2, kA + 3, 2}));

  const PaddedDataset whole = padded({"ab"}, kEndMarkerKept);
  EXPECT_EQ(whole.sequence_length(), 6);
  EXPECT_EQ(whole.fill(0, tokens.data(), targets.data()), 3);
  EXPECT_EQ(tokens, (Row{1, kA, kA + 1, 2, 0, 0}));
  EXPECT_EQ(targets, (Row{kA, kA + 1, 2, kIgnoredTarget, kIgnoredTarget, kIgnoredTarget}));
}

/// Takes `!` for a control token of number 0, which MiniMind cannot tell from padding.
class PaddingInText : public ByteTokenizer {
 public:
  std::vector<int32_t> encode(std::string_view text) const override {
    std::vector<int32_t> ids = ByteTokenizer::encode(text);
    std::replace(ids.begin(), ids.end(), 3 + '!', 0);
    return ids;
  }
};

TEST(PaddedDataset, TokenZeroInATextIsFedButNoTarget) {
  const PaddedDataset dataset(write_texts(test_folder(), "a.jsonl", {"a!b"}), "", PaddingInText(), 6, kEndMarkerKept);
  Row tokens(6), targets(6);
  EXPECT_EQ(dataset.fill(0, tokens.data(), targets.data()), 3);
  EXPECT_EQ(tokens, (Row{1, kA, 0, kA + 1, 2, 0}));
  EXPECT_EQ(targets, (Row{kA, kIgnoredTarget, kA + 1, 2, kIgnoredTarget, kIgnoredTarget}));
}

TEST(PaddedDataset, TheFingerprintTellsFormatsAndLengthsApart) {
  const std::string path = write_texts(test_folder(), "a.jsonl", {"abc"});
  const auto fingerprint = [&](int64_t length, const RowFormat& format) {
    return PaddedDataset(path, "", ByteTokenizer(), length, format).fingerprint();
  };
  EXPECT_EQ(fingerprint(6, kTextAsItIs), fingerprint(6, kTextAsItIs));
  EXPECT_NE(fingerprint(6, kTextAsItIs), fingerprint(7, kTextAsItIs));
  EXPECT_NE(fingerprint(6, kTextAsItIs), fingerprint(6, kCutAtTheEnd));
  EXPECT_NE(fingerprint(6, kEndMarkerKept), fingerprint(6, kCutAtTheEnd));
}

TEST(PaddedDataset, AFileWithoutLinesIsRefused) {
  const std::string path = write_texts(test_folder(), "a.jsonl", {});
  EXPECT_EQ(error_of(ExitCode::kData, [&] { PaddedDataset(path, "", ByteTokenizer(), 6, kTextAsItIs); }),
            path + ": got no lines, want a text to train on");
}

}  // namespace
}  // namespace mm
