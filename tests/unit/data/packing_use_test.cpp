// What is told of a packing beforehand is what the sequences then are.
#include "data/windows/packing/packing_use.h"

#include <gtest/gtest.h>

#include "data/windows/packed_dataset.h"
#include "data/windows/packing/document_dataset.h"
#include "data_files.h"

namespace mm {
namespace {

using Rows = DocumentDataset::Rows;

/// Of one token for each byte, so of these lengths with BOS and EOS.
struct Documents {
  explicit Documents(const std::vector<uint32_t>& all) : tokens(all) {
    std::vector<std::string> texts;
    for (const uint32_t length : tokens) {
      texts.push_back(std::string(length - 2, static_cast<char>('a' + texts.size() % 26)));
    }
    store = std::make_shared<const TokenStore>(
        TokenStore::open(write_texts(test_folder(), "a.jsonl", texts), "", ByteTokenizer()));
  }
  DocumentDataset rows(int64_t length, Rows kind) const {
    return DocumentDataset(
        "data.train", {{store, "domain"}}, [](size_t, int64_t) { return true; }, length, kind);
  }

  std::vector<uint32_t> tokens;
  std::shared_ptr<const TokenStore> store;
};

const std::vector<uint32_t> kLengths = {9, 3, 30, 4, 12, 7, 17, 3, 65, 5, 8, 16, 18, 33};

TEST(PackingUse, OfWholeDocumentsIsThatOfTheirRows) {
  const Documents documents(kLengths);
  for (const int64_t length : {4, 16, 17, 100}) {
    const DocumentDataset dataset = documents.rows(length, Rows::kPacked);
    const PackingUse use = documents_use(documents.tokens, length);
    EXPECT_EQ(use.positions, dataset.windows() * length);
    EXPECT_EQ(use.padding, dataset.use().padding);
    EXPECT_EQ(use.cut_documents, dataset.use().split_documents);
    EXPECT_EQ(use.foreign_tokens, 0);
    EXPECT_EQ(use.left_out, 0);
  }
}

TEST(PackingUse, OfPaddedRowsIsThatOfTheRows) {
  const Documents documents(kLengths);
  for (const int64_t length : {4, 16, 17, 100}) {
    const DocumentDataset dataset = documents.rows(length, Rows::kOneDocument);
    const PackingUse use = padded_use(documents.tokens, length);
    EXPECT_EQ(use.positions, dataset.windows() * length);
    EXPECT_EQ(use.padding, dataset.use().padding);
    EXPECT_EQ(use.cut_documents, dataset.use().split_documents);
    EXPECT_EQ(use.left_out, dataset.use().tokens_left_out);
  }
}

TEST(PackingUse, OfAStreamIsWhatItsWindowsShow) {
  const Documents documents(kLengths);
  for (const int64_t length : {4, 16, 17, 100}) {
    const PackedDataset dataset(
        "data.train", {{documents.store, "domain"}}, [](size_t, int64_t) { return true; }, length,
        PackedDataset::LastWindow::kDrop);
    const PackingUse use = stream_use(documents.tokens, length);
    EXPECT_EQ(use.positions, dataset.windows() * length);
    EXPECT_EQ(use.left_out, dataset.tokens() - 1 - use.positions);
    int64_t foreign = 0;
    for (int64_t window = 0; window < dataset.windows(); ++window) {
      std::vector<int64_t> numbers(static_cast<size_t>(length));
      dataset.number_documents(window, numbers.data());
      for (const int64_t number : numbers) foreign += number != numbers.front();
    }
    EXPECT_EQ(use.foreign_tokens, foreign) << length;
  }
  // The fourth lies across an edge; of the last one the end is the target of the last position.
  EXPECT_EQ(stream_use(std::vector<uint32_t>{10, 10, 5, 10, 6}, 10).cut_documents, 1);
  EXPECT_EQ(stream_use({}, 10).positions, 0);
}

}  // namespace
}  // namespace mm
