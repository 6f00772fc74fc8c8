// Text that is trained on while it is tokenized: the same windows in the same order whatever is ready, and no document
// of the validation among them.
#include "data/grouped_text.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <map>
#include <set>
#include <thread>

#include "data/datasets.h"
#include "data/run_order.h"
#include "data/text/files/text_paths.h"
#include "data_files.h"

namespace mm {
namespace {

namespace fs = std::filesystem;

/// Some megabytes of different documents, with `label` in each.
std::string write_megabytes(const std::string& folder, const std::string& name, int megabytes,
                            const std::string& label = "x") {
  std::vector<std::string> texts;
  for (int i = 0; i < megabytes * 1000; ++i) {
    texts.push_back(label + std::to_string(i) + " " + std::string(980, static_cast<char>('a' + i % 26)));
  }
  return write_texts(folder, name, texts);
}

DataConfig config_of(const std::vector<std::string>& files) {
  DataConfig config;
  for (const std::string& file : files) config.train.push_back({file, ""});
  config.shuffle_megabytes = 1;
  config.sequence_length = 512;
  config.validation_fraction = 0.05;
  return config;
}

/// Every window of every group, in the order of a run.
std::vector<int64_t> tokens_in_order(TrainingText& text, uint64_t seed) {
  const std::shared_ptr<TrainingText> shared(std::shared_ptr<void>(), &text);
  RunOrder order(shared, seed);
  const auto length = static_cast<size_t>(text.sequence_length());
  std::vector<int64_t> tokens(length), targets(length), all;
  for (int64_t i = 0; i < text.totals().windows; ++i) {
    const RunOrder::Sample sample = order.at(i);
    sample.windows->fill(sample.window, tokens.data(), targets.data());
    all.insert(all.end(), tokens.begin(), tokens.end());
  }
  return all;
}

void remove_stores(const std::string& folder) {
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".tokens") fs::remove_all(entry.path());
  }
}

std::set<id_t> threads_of_this_process() {
  std::set<id_t> threads;
  for (const auto& entry : fs::directory_iterator("/proc/self/task")) {
    threads.insert(static_cast<id_t>(std::stoi(entry.path().filename().string())));
  }
  return threads;
}

TEST(GroupedText, WhatIsTokenizedBehindTheTrainingLeavesItTheProcessors) {
  const std::string folder = test_folder();
  const ByteTokenizer tokenizer;
  const DataConfig config = config_of({write_megabytes(folder, "a.jsonl", 24)});
  std::jthread([] {}).join();  // with its first thread a sanitizer begins one of its own
  const std::set<id_t> others = threads_of_this_process();
  GroupedText text(text_files(config.train), config, {}, tokenizer, 2);
  text.group(0);
  bool seen_last = false, first = true;
  // On a busy machine a thread may not have run yet.
  for (int attempt = 0; attempt < 10'000 && first; ++attempt) {
    first = false;
    for (const id_t thread : threads_of_this_process()) {
      if (others.contains(thread)) continue;
      errno = 0;
      const int niceness = ::getpriority(PRIO_PROCESS, thread);
      if (errno != 0) continue;  // it has just ended
      seen_last |= niceness > 0;
      first |= niceness <= 0;
    }
    if (first) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_FALSE(first) << "a thread has the priority of the training";
  EXPECT_TRUE(seen_last);
}

TEST(GroupedText, TheOrderIsTheSameColdAndWarmForAnyNumberOfThreads) {
  const std::string folder = test_folder();
  const DataConfig config = config_of({write_megabytes(folder, "a.jsonl", 6)});
  std::vector<std::vector<int64_t>> orders;
  std::vector<uint64_t> fingerprints;
  for (const int threads : {1, 4, 2}) {
    if (orders.size() < 2) remove_stores(folder);
    const ByteTokenizer tokenizer;
    GroupedText text(text_files(config.train), config, {}, tokenizer, threads);
    EXPECT_EQ(text.groups(), 6);
    orders.push_back(tokens_in_order(text, 5));
    fingerprints.push_back(text.totals().fingerprint);
  }
  EXPECT_TRUE(orders[1] == orders[0]);
  EXPECT_TRUE(orders[2] == orders[0]);
  EXPECT_EQ(std::set<uint64_t>(fingerprints.begin(), fingerprints.end()).size(), 1U);
}

TEST(GroupedText, TheFirstGroupIsThereBeforeTheRestIs) {
  const std::string folder = test_folder();
  const DataConfig config = config_of({write_megabytes(folder, "a.jsonl", 20)});
  const ByteTokenizer tokenizer;
  GroupedText text(text_files(config.train), config, {}, tokenizer, 1);
  EXPECT_GT(text.group(0)->windows(), 0);
  EXPECT_FALSE(text.is_known());
  const int64_t documents = text.totals().documents;
  EXPECT_TRUE(text.is_known());
  EXPECT_NEAR(static_cast<double>(documents), 20000 * 0.95, 200);
}

TEST(GroupedText, WhatIsValidatedOnIsInNoGroup) {
  const std::string folder = test_folder();
  DataConfig config = config_of({write_megabytes(folder, "a.jsonl", 4), write_megabytes(folder, "b.jsonl", 3)});
  config.packing = "documents";
  config.sequence_length = 2048;
  const ByteTokenizer tokenizer;
  GroupedText text(text_files(config.train), config, {}, tokenizer, 2);
  const auto documents_of = [&](const WindowSource& windows) {
    std::set<std::string> documents;
    const auto length = static_cast<size_t>(windows.sequence_length());
    std::vector<int64_t> tokens(length), targets(length), lengths;
    for (int64_t window = 0; window < windows.windows(); ++window) {
      windows.fill(window, tokens.data(), targets.data());
      lengths.clear();
      windows.append_lengths(window, lengths);
      size_t begin = 0;
      for (const int64_t count : lengths) {
        std::string words;
        for (int64_t i = 1; i < count; ++i) {
          words += static_cast<char>(std::max<int64_t>(tokens[begin + static_cast<size_t>(i)] - 3, 0));
        }
        documents.insert(words);
        begin += static_cast<size_t>(count);
      }
    }
    documents.erase(std::string());
    return documents;
  };
  const std::set<std::string> validated = documents_of(*text.validation());
  EXPECT_GT(validated.size(), 10U);
  std::set<std::string> trained;
  for (int64_t group = 0; group < text.groups(); ++group) {
    const std::set<std::string> more = documents_of(*text.group(group));
    trained.insert(more.begin(), more.end());
  }
  EXPECT_GT(trained.size(), 3000U);
  int both = 0;
  for (const std::string& document : validated) {
    if (document.size() > 100) both += static_cast<int>(trained.count(document));  // padding is no document
  }
  EXPECT_EQ(both, 0) << "b.jsonl has copies of documents of a.jsonl";
}

TEST(GroupedText, EveryDomainIsValidatedOnHoweverLittleThereIsOfIt) {
  const std::string folder = test_folder();
  const DataConfig config = config_of({write_megabytes(folder, "a.jsonl", 6), write_megabytes(folder, "b.jsonl", 0),
                                       write_megabytes(folder, "c.jsonl", 1, "y")});
  write_texts(folder, "b.jsonl", numbered_texts(300));
  const ByteTokenizer tokenizer;
  GroupedText text(text_files(config.train), config, {}, tokenizer, 2);
  EXPECT_EQ(text.validation()->domains(), (std::vector<std::string>{"a", "b", "c"}));
}

TEST(GroupedText, AnotherTextHasAnotherFingerprintBeforeItIsRead) {
  const std::string folder = test_folder();
  const ByteTokenizer tokenizer;
  std::set<uint64_t> fingerprints;
  for (const char* label : {"x", "y", "x"}) {
    const DataConfig config = config_of({write_megabytes(folder, "a.jsonl", 3, label)});
    fingerprints.insert(GroupedText(text_files(config.train), config, {}, tokenizer, 1).fingerprint());
  }
  EXPECT_EQ(fingerprints.size(), 2U);
}

TEST(GroupedText, ABadLineThatNobodyHasReadYetEndsTheTraining) {
  const std::string folder = test_folder();
  const std::string path = write_megabytes(folder, "a.jsonl", 8);
  std::string lines = read_file(path, ExitCode::kData);
  lines += "{}\n";
  write_file_atomic(path, lines);
  DataConfig config = config_of({path});
  const ByteTokenizer tokenizer;
  GroupedText text(text_files(config.train), config, {}, tokenizer, 1);
  EXPECT_NO_THROW(text.group(0));
  EXPECT_NE(error_of(ExitCode::kData, [&] { text.totals(); }).find("a.jsonl:8001: got no \"text\""), std::string::npos);
  EXPECT_NE(error_of(ExitCode::kData, [&] { text.require_sound(); }).find("a.jsonl:8001"), std::string::npos);

  config.bad_lines = "skip";
  GroupedText skipping(text_files(config.train), config, {}, tokenizer, 1);
  EXPECT_EQ(skipping.fingerprint(), text.fingerprint()) << "so that the run can go on";
  EXPECT_GT(skipping.totals().documents, 7000);
  EXPECT_EQ(skipping.totals().read.documents, 8000);
  EXPECT_EQ(in_words(skipping.totals().read.bad_lines), "1 no_text");
}

TEST(GroupedText, WhatComesToLightWhenAllIsKnownEndsTheTraining) {
  const std::string folder = test_folder();
  const DataConfig config = config_of({write_megabytes(folder, "a.jsonl", 3)});
  const ByteTokenizer tokenizer;
  GroupedText text(text_files(config.train), config, {}, tokenizer, 1);
  text.when_known([](const TextTotals&) { throw Error(ExitCode::kData, "another text"); });
  const auto poll = [&] {
    for (int i = 0; i < 1000; ++i) {
      text.require_sound();
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  };
  EXPECT_EQ(error_of(ExitCode::kData, poll), "another text");
}

TEST(GroupedText, OnlyTextThatIsLongerThanWhatIsShuffledTogetherIsCut) {
  const std::string folder = test_folder();
  DataConfig config = config_of({write_megabytes(folder, "a.jsonl", 3)});
  const std::vector<LabelledPath> files = text_files(config.train);
  EXPECT_TRUE(GroupedText::is_for(files, config));
  config.shuffle_megabytes = 4;
  EXPECT_FALSE(GroupedText::is_for(files, config));
  config.shuffle_megabytes = 0;
  EXPECT_FALSE(GroupedText::is_for(files, config));
  config.shuffle_megabytes = 1;
  config.duplicates = "drop";
  EXPECT_FALSE(GroupedText::is_for(files, config)) << "which copy is the first, all of the text says";
  config.duplicates = "keep";
  const ByteTokenizer tokenizer;
  const TrainingData data = open_training_data(config, tokenizer);
  EXPECT_EQ(data.train->groups(), 3);
  EXPECT_TRUE(data.validation);
}

}  // namespace
}  // namespace mm
