// Packing: nothing lost, nothing twice, padding only where it is promised.
#include "data/windows/packed_dataset.h"

#include <gtest/gtest.h>

#include "data_files.h"

namespace mm {
namespace {

using LastWindow = PackedDataset::LastWindow;

struct Row {
  std::vector<int64_t> inputs;   ///< padding left out
  std::vector<int64_t> targets;  ///< padding left out
  int64_t padding = 0;
};

/// All windows end to end.
Row read_all(const PackedDataset& dataset) {
  Row row;
  std::vector<int64_t> tokens(static_cast<size_t>(dataset.sequence_length()));
  std::vector<int64_t> targets(tokens.size());
  for (int64_t window = 0; window < dataset.windows(); ++window) {
    const int64_t valid = dataset.fill(window, tokens.data(), targets.data());
    row.inputs.insert(row.inputs.end(), tokens.begin(), tokens.begin() + valid);
    row.targets.insert(row.targets.end(), targets.begin(), targets.begin() + valid);
    for (size_t i = static_cast<size_t>(valid); i < tokens.size(); ++i) {
      EXPECT_EQ(window, dataset.windows() - 1) << "padding before the last window";
      EXPECT_EQ(tokens[i], 0);
      EXPECT_EQ(targets[i], kIgnoredTarget);
      ++row.padding;
    }
  }
  return row;
}

int64_t domain_of(const WindowSource& dataset, int64_t window) {
  std::vector<int64_t> labels(static_cast<size_t>(dataset.sequence_length()), -1);
  dataset.label_domains(window, labels.data());
  EXPECT_EQ(labels.front(), labels.back());
  return labels.front();
}

TEST(PackedDataset, EveryTokenButTheFirstIsATargetExactlyOnce) {
  const std::string path = write_texts(test_folder(), "a.jsonl", numbered_texts(50));
  const std::vector<int64_t> tokens = all_tokens(TokenStore::open(path, "", ByteTokenizer()));
  for (const int64_t length : {1, 3, 16, 100}) {
    const PackedDataset dataset = pack_file(path, length, LastWindow::kPad);
    const Row row = read_all(dataset);
    EXPECT_EQ(row.targets, std::vector<int64_t>(tokens.begin() + 1, tokens.end())) << length;
    EXPECT_EQ(row.inputs, std::vector<int64_t>(tokens.begin(), tokens.end() - 1)) << length;
    EXPECT_LT(row.padding, length);
  }
}

TEST(PackedDataset, TrainingDropsTheLastPartialWindowAndNothingElse) {
  const std::string path = write_texts(test_folder(), "a.jsonl", numbered_texts(50));
  const std::vector<int64_t> tokens = all_tokens(TokenStore::open(path, "", ByteTokenizer()));
  const PackedDataset dataset = pack_file(path, 16, LastWindow::kDrop);
  EXPECT_EQ(dataset.windows(), static_cast<int64_t>(tokens.size() - 1) / 16);
  const Row row = read_all(dataset);
  EXPECT_EQ(row.padding, 0);
  EXPECT_EQ(row.targets, std::vector<int64_t>(tokens.begin() + 1, tokens.begin() + 1 + 16 * dataset.windows()));
}

TEST(PackedDataset, KeepsTheChosenDocumentsOfAllSourcesInOrder) {
  const std::string folder = test_folder();
  const ByteTokenizer tokenizer;
  const auto open = [&](const std::string& name, const std::vector<std::string>& texts) {
    return std::make_shared<const TokenStore>(TokenStore::open(write_texts(folder, name, texts), "", tokenizer));
  };
  const PackedDataset dataset(
      "data.train", {{open("a.jsonl", {"a", "b", "c", "d"}), "one"}, {open("b.jsonl", {"e", "f"}), "two"}},
      [](size_t source, int64_t document) { return source == 0 ? document != 1 : document == 1; }, 3,
      LastWindow::kDrop);
  EXPECT_EQ(dataset.documents(), 4);
  EXPECT_EQ(dataset.tokens(), 12);
  const std::vector<int64_t> inputs = read_all(dataset).inputs;
  EXPECT_EQ(tokenizer.decode(std::vector<int32_t>(inputs.begin(), inputs.end())), "acd");
  EXPECT_EQ(dataset.domains(), (std::vector<std::string>{"one", "two"}));
  EXPECT_EQ(domain_of(dataset, 0), 0);
  EXPECT_EQ(domain_of(dataset, 2), 0);
}

TEST(PackedDataset, TheDomainIsThatOfTheDocumentAWindowStartsIn) {
  const std::string folder = test_folder();
  const auto open = [&](const std::string& name) {
    return std::make_shared<const TokenStore>(
        TokenStore::open(write_texts(folder, name, {"0123456789"}), "", ByteTokenizer()));
  };
  const PackedDataset dataset(
      "data.train", {{open("a.jsonl"), "x"}, {open("b.jsonl"), "y"}, {open("c.jsonl"), "x"}},
      [](size_t, int64_t) { return true; }, 4, LastWindow::kPad);
  std::vector<int32_t> domains;
  for (int64_t window = 0; window < dataset.windows(); ++window) domains.push_back(domain_of(dataset, window));
  EXPECT_EQ(domains, (std::vector<int32_t>{0, 0, 0, 1, 1, 1, 0, 0, 0}));
}

TEST(PackedDataset, EveryPositionIsNumberedByItsDocument) {
  const PackedDataset dataset =
      pack_file(write_texts(test_folder(), "a.jsonl", numbered_texts(40)), 16, LastWindow::kPad);
  std::vector<int64_t> tokens(16), targets(16), numbers(16);
  int64_t document = -1;
  for (int64_t window = 0; window < dataset.windows(); ++window) {
    const int64_t real = dataset.fill(window, tokens.data(), targets.data());
    dataset.number_documents(window, numbers.data());
    for (size_t i = 0; i < 16; ++i) {
      if (i < static_cast<size_t>(real) && tokens[i] == ByteTokenizer().bos_id()) ++document;
      EXPECT_EQ(numbers[i], document);
    }
  }
}

TEST(PackedDataset, TooLittleTextSaysHowMuchThereIsAndHowMuchIsNeeded) {
  const std::string path = write_texts(test_folder(), "a.jsonl", {"ab"});
  EXPECT_EQ(error_of(ExitCode::kData, [&] { pack_file(path, 4, LastWindow::kDrop); }),
            "data.train: got 4 tokens in 1 document, want at least 5 tokens for one window "
            "(add text, or change data.sequence_length or data.validation_fraction)");
  EXPECT_EQ(pack_file(path, 3, LastWindow::kDrop).windows(), 1);
  EXPECT_EQ(pack_file(path, 4, LastWindow::kPad).windows(), 1);
}

TEST(PackedDataset, TheFingerprintTellsOtherWindowsApart) {
  const std::string folder = test_folder();
  const std::string path = write_texts(folder, "a.jsonl", numbered_texts(20));
  const uint64_t fingerprint = pack_file(path, 4, LastWindow::kDrop).fingerprint();
  EXPECT_EQ(pack_file(path, 4, LastWindow::kDrop).fingerprint(), fingerprint);
  EXPECT_NE(pack_file(path, 5, LastWindow::kDrop).fingerprint(), fingerprint);
  EXPECT_NE(pack_file(write_texts(folder, "a.jsonl", numbered_texts(21)), 4, LastWindow::kDrop).fingerprint(),
            fingerprint);
}

}  // namespace
}  // namespace mm
