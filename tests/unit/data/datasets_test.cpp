// The split into training and validation, and what is said when there is nothing to train on.
#include "data/datasets.h"

#include <gtest/gtest.h>

#include "core/config/config.h"
#include "data_files.h"

namespace mm {
namespace {

std::vector<std::string> sentences_of_their_own(int count) {
  std::vector<std::string> texts;
  for (int i = 0; i < count; ++i) texts.push_back("validation " + std::to_string(i));
  return texts;
}

TEST(Datasets, HeldOutDocumentsAreValidationAndAllOthersTraining) {
  DataConfig config;
  config.train = {{write_texts(test_folder(), "a.jsonl", numbered_texts(1000)), "numbers"}};
  config.sequence_length = 8;
  config.validation_fraction = 0.1;
  const Datasets datasets = open_datasets(config, ByteTokenizer());
  ASSERT_TRUE(datasets.validation);
  EXPECT_EQ(datasets.train->documents() + datasets.validation->documents(), 1000);
  EXPECT_NEAR(static_cast<double>(datasets.validation->documents()), 100, 40);
  EXPECT_EQ(datasets.train->domains(), std::vector<std::string>{"numbers"});
}

TEST(Datasets, FilesNamedForValidationAreUsedWholeAndNothingIsHeldOut) {
  const std::string folder = test_folder();
  DataConfig config;
  config.train = {{write_texts(folder, "a.jsonl", numbered_texts(100)), ""}};
  config.validation = {{write_texts(folder, "b.jsonl", sentences_of_their_own(10)), ""}};
  config.sequence_length = 8;
  const Datasets datasets = open_datasets(config, ByteTokenizer());
  EXPECT_EQ(datasets.train->documents(), 100);
  EXPECT_EQ(datasets.validation->documents(), 10);
  EXPECT_EQ(datasets.train->domains(), std::vector<std::string>{"a"});
}

TEST(Datasets, ValidationIsPackedAsTheTrainingUnlessToldOtherwise) {
  DataConfig config;
  config.train = {{write_texts(test_folder(), "a.jsonl", numbered_texts(200)), ""}};
  config.sequence_length = 16;
  config.validation_fraction = 0.2;
  const auto side_by_side = [&](const char* training, const char* validation) {
    config.packing = training;
    config.validation_packing = validation;
    const Datasets datasets = open_datasets(config, ByteTokenizer());
    return std::pair{datasets.train->documents_in_window() > 0, datasets.validation->documents_in_window() > 0};
  };
  EXPECT_EQ(side_by_side("stream", "auto"), std::pair(false, false));
  EXPECT_EQ(side_by_side("documents", "auto"), std::pair(true, true));
  EXPECT_EQ(side_by_side("padded", "auto"), std::pair(false, true));
  EXPECT_EQ(side_by_side("stream", "documents"), std::pair(false, true));
  EXPECT_EQ(side_by_side("documents", "stream"), std::pair(true, false));
}

TEST(Datasets, AFractionOfZeroHoldsNothingOut) {
  DataConfig config;
  config.train = {{write_texts(test_folder(), "a.jsonl", numbered_texts(100)), ""}};
  config.sequence_length = 8;
  config.validation_fraction = 0;
  const Datasets datasets = open_datasets(config, ByteTokenizer());
  EXPECT_FALSE(datasets.validation);
  EXPECT_EQ(datasets.train->documents(), 100);
}

TEST(Datasets, OneLongDocumentIsValidatedOnByItsTail) {
  DataConfig config;
  config.train = {{write_texts(test_folder(), "a.jsonl", {std::string(500, 'x') + std::string(500, 'y')}), ""}};
  config.sequence_length = 4;
  config.validation_fraction = 0.1;
  const Datasets datasets = open_datasets(config, ByteTokenizer());
  EXPECT_EQ(datasets.train->tokens(), 902);
  EXPECT_EQ(datasets.validation->tokens(), 100);
  std::vector<int64_t> tokens(4), targets(4);
  datasets.train->fill(0, tokens.data(), targets.data());
  EXPECT_EQ(tokens, (std::vector<int64_t>{1, 3 + 'x', 3 + 'x', 3 + 'x'}));
  datasets.validation->fill(0, tokens.data(), targets.data());
  EXPECT_EQ(tokens, std::vector<int64_t>(4, 3 + 'y'));
}

TEST(Datasets, AFileThatIsNamedTwiceIsRefusedWhereverItIsNamed) {
  const std::string folder = test_folder();
  const std::string a = write_texts(folder, "a.jsonl", numbered_texts(9)), b = write_texts(folder, "b.jsonl", {"b"});
  DataConfig config;
  config.train = {{a, "one"}, {b, ""}, {folder + "/./a.jsonl", "two"}};
  EXPECT_EQ(error_of(ExitCode::kConfig, [&] { open_datasets(config, ByteTokenizer()); }),
            "data.train[2]: got " + folder +
                "/./a.jsonl, which is the file of data.train[0], want every file once "
                "(remove one of them)");
  config.train.pop_back();
  config.validation = {{b, ""}};
  EXPECT_NE(error_of(ExitCode::kConfig, [&] { open_datasets(config, ByteTokenizer()); })
                .find("data.validation[0]: got " + b + ", which is the file of data.train[1]"),
            std::string::npos);
  config.hold_out_by = "position";
  config.sequence_length = 4;
  EXPECT_NO_THROW(open_datasets(config, ByteTokenizer()));
}

TEST(Datasets, DocumentsOfTheValidationFilesAreNotTrainedOn) {
  const std::string folder = test_folder();
  DataConfig config;
  config.train = {{write_texts(folder, "a.jsonl", numbered_texts(100)), ""}};
  config.validation = {{write_texts(folder, "b.jsonl", numbered_texts(10)), ""}};
  config.sequence_length = 8;
  ::testing::internal::CaptureStdout();
  const Datasets datasets = open_datasets(config, ByteTokenizer());
  EXPECT_NE(::testing::internal::GetCapturedStdout().find("10 documents of data.train are in data.validation, too"),
            std::string::npos);
  EXPECT_EQ(datasets.train->documents(), 90);
  EXPECT_EQ(datasets.validation->documents(), 10);
}

TEST(Datasets, CopiesAreCountedAndDroppedOnRequest) {
  const std::string folder = test_folder();
  DataConfig config;
  config.train = {{write_texts(folder, "a.jsonl", {"same", "other", "same"}), ""},
                  {write_texts(folder, "b.jsonl", {"third", "same"}), ""}};
  config.sequence_length = 2;
  config.validation_fraction = 0;
  ::testing::internal::CaptureStdout();
  EXPECT_EQ(open_datasets(config, ByteTokenizer()).train->documents(), 5);
  EXPECT_NE(::testing::internal::GetCapturedStdout().find(
                "2 documents (12 tokens) say exactly what an earlier one says; data.duplicates=drop"),
            std::string::npos);
  config.duplicates = "drop";
  const Datasets distinct = open_datasets(config, ByteTokenizer());
  EXPECT_EQ(distinct.train->documents(), 3);
  EXPECT_EQ(distinct.train->tokens(), 6 + 7 + 7);
}

TEST(Datasets, NoFilesAtAllNameTheSettingAndTheScript) {
  EXPECT_EQ(
      error_of(ExitCode::kData, [] { open_datasets({}, ByteTokenizer()); }),
      "data.train: got no files, want at least one JSONL file "
      "(scripts/get_corpus.sh makes data/corpus/*.jsonl, with --large data/corpus_large/*.jsonl; or name your own "
      "file in data.train)");
}

}  // namespace
}  // namespace mm
