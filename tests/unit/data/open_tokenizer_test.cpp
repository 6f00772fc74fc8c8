// Training the tokenizer of a run on the spot.
#include "data/open_tokenizer.h"

#include <gtest/gtest.h>

#include "data_files.h"

namespace mm {
namespace {

DataConfig small_corpus(const std::string& folder) {
  std::vector<std::string> texts;
  for (int i = 0; i < 200; ++i)
    texts.push_back("the quick brown fox jumps over the lazy dog number " + std::to_string(i));
  DataConfig data;
  data.train = {{write_texts(folder, "a.jsonl", texts), ""}, {write_texts(folder, "b.jsonl", {"床前明月光"}), ""}};
  return data;
}

TEST(OpenTokenizer, TrainsWhatIsMissingAndThenUsesTheFile) {
  const std::string folder = test_folder();
  TokenizerConfig config;
  config.path = folder + "/deep/tokenizer.json";
  config.train = true;
  const DataConfig data = small_corpus(folder);
  const uint64_t fingerprint = open_tokenizer(config, data, 320)->fingerprint();
  EXPECT_EQ(open_tokenizer(config, data, 320)->fingerprint(), fingerprint);
  std::filesystem::remove(config.path);
  EXPECT_EQ(open_tokenizer(config, data, 320)->fingerprint(), fingerprint);
}

TEST(OpenTokenizer, ANameInModelIsTrainedBySentencepiece) {
  const std::string folder = test_folder();
  TokenizerConfig config;
  config.path = folder + "/tokenizer.model";
  config.train = true;
  EXPECT_EQ(open_tokenizer(config, small_corpus(folder), 320)->bos_id(), 1);
  EXPECT_FALSE(read_file(config.path, ExitCode::kData).starts_with("{"));
}

TEST(OpenTokenizer, AnotherVocabularySizeThanThatOfTheFileIsRefused) {
  const std::string folder = test_folder();
  TokenizerConfig config;
  config.path = folder + "/tokenizer.model";
  config.train = true;
  open_tokenizer(config, small_corpus(folder), 320);
  EXPECT_EQ(error_of(ExitCode::kData, [&] { open_tokenizer(config, small_corpus(folder), 330); }),
            config.path +
                ": got a vocabulary of 320, want one of 330 "
                "(delete the file to train it again, or name another tokenizer.path)");
}

TEST(OpenTokenizer, OfFilesWithoutDocumentsThereIsNone) {
  const std::string folder = test_folder();
  DataConfig data;
  data.train = {{write_texts(folder, "a.jsonl", {"", ""}), ""}};
  for (const char* name : {"/tokenizer.json", "/tokenizer.model"}) {
    TokenizerConfig config;
    config.path = folder + name;
    config.train = true;
    EXPECT_TRUE(error_of(ExitCode::kData, [&] {
                  open_tokenizer(config, data, 320);
                }).starts_with("data.train: got no documents, want text to train " + config.path + " on"));
    EXPECT_FALSE(std::filesystem::exists(config.path));
  }
}

TEST(OpenTokenizer, NothingIsTrainedUnasked) {
  const std::string folder = test_folder();
  TokenizerConfig config;
  config.path = folder + "/tokenizer.model";
  EXPECT_THROW(open_tokenizer(config, small_corpus(folder), 320), Error);
  EXPECT_FALSE(std::filesystem::exists(config.path));
}

TEST(OpenTokenizer, ANameThatLoadingWouldNotKnowIsRefusedBeforeTraining) {
  TokenizerConfig config;
  config.train = true;
  EXPECT_EQ(
      error_of(ExitCode::kData, [&] { open_tokenizer(config, {}, 320); }),
      "tokenizer.path: got nothing, want a name ending in .json or .model (those are what tokenizer.train writes)");
}

}  // namespace
}  // namespace mm
