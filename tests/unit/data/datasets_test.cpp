// The split into training and validation, and what is said when there is nothing to train on.
#include "data/datasets.h"

#include <gtest/gtest.h>

#include "core/config/config.h"
#include "data_files.h"

namespace mm {
namespace {

TEST(Datasets, HeldOutDocumentsAreValidationAndAllOthersTraining) {
  DataConfig config;
  config.train = {{write_texts(test_folder(), "a.jsonl", numbered_texts(1000)), "numbers"}};
  config.sequence_length = 8;
  config.validation_fraction = 0.1;
  const Datasets datasets = open_datasets(config, ByteTokenizer());
  ASSERT_TRUE(datasets.validation);
  EXPECT_EQ(datasets.train.documents() + datasets.validation->documents(), 1000);
  EXPECT_NEAR(static_cast<double>(datasets.validation->documents()), 100, 40);
  EXPECT_EQ(datasets.train.domains(), std::vector<std::string>{"numbers"});
}

TEST(Datasets, FilesNamedForValidationAreUsedWholeAndNothingIsHeldOut) {
  const std::string folder = test_folder();
  DataConfig config;
  config.train = {{write_texts(folder, "a.jsonl", numbered_texts(100)), ""}};
  config.validation = {{write_texts(folder, "b.jsonl", numbered_texts(10)), ""}};
  config.sequence_length = 8;
  const Datasets datasets = open_datasets(config, ByteTokenizer());
  EXPECT_EQ(datasets.train.documents(), 100);
  EXPECT_EQ(datasets.validation->documents(), 10);
  EXPECT_EQ(datasets.train.domains(), std::vector<std::string>{"a"});
}

TEST(Datasets, AFractionOfZeroHoldsNothingOut) {
  DataConfig config;
  config.train = {{write_texts(test_folder(), "a.jsonl", numbered_texts(100)), ""}};
  config.sequence_length = 8;
  config.validation_fraction = 0;
  const Datasets datasets = open_datasets(config, ByteTokenizer());
  EXPECT_FALSE(datasets.validation);
  EXPECT_EQ(datasets.train.documents(), 100);
}

TEST(Datasets, ADocumentKeepsItsSideWhenItsFileMovesOrTheFractionGrows) {
  const HeldOut here("data/a.jsonl", 0.1);
  const HeldOut there("/elsewhere/a.jsonl", 0.1);
  const HeldOut more("data/a.jsonl", 0.2);
  const HeldOut other("data/b.jsonl", 0.1);
  int differing = 0;
  for (int64_t document = 0; document < 1000; ++document) {
    EXPECT_EQ(here(document), there(document));
    EXPECT_LE(here(document), more(document));
    differing += here(document) != other(document);
  }
  EXPECT_GT(differing, 50);
}

TEST(Datasets, TooFewDocumentsToHoldAnyOutIsExplained) {
  DataConfig config;
  config.train = {{write_texts(test_folder(), "a.jsonl", {"one single long document"}), ""}};
  config.sequence_length = 4;
  config.validation_fraction = 1e-9;
  EXPECT_NE(error_of(ExitCode::kData, [&] { open_datasets(config, ByteTokenizer()); })
                .find("the held-out part of data.train: got 0 tokens in 0 documents, want at least 2 tokens"),
            std::string::npos);
}

TEST(Datasets, NoFilesAtAllNameTheSettingAndTheScript) {
  EXPECT_EQ(error_of(ExitCode::kData, [] { open_datasets({}, ByteTokenizer()); }),
            "data.train: got no files, want at least one JSONL file "
            "(scripts/get_corpus.sh makes data/corpus/*.jsonl; or name your own file)");
}

}  // namespace
}  // namespace mm
