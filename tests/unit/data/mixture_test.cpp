// Texts in given shares: the shares are kept in every epoch, each text is gone through evenly, any place can be come
// to.
#include "data/windows/mixture.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "data/datasets.h"
#include "data/run_order.h"
#include "data_files.h"
#include "numbered_groups.h"

namespace mm {
namespace {

/// Window w of source s is the number 1000 s + w.
std::unique_ptr<Mixture> mixture_of(const std::vector<int64_t>& sizes, const std::vector<double>& weights) {
  std::vector<Mixture::Source> sources;
  for (size_t i = 0; i < sizes.size(); ++i) {
    sources.push_back({.name = std::string(1, static_cast<char>('a' + i)),
                       .weight = weights[i],
                       .windows = std::make_unique<NumberedWindows>(static_cast<int64_t>(i), sizes[i])});
  }
  return std::make_unique<Mixture>(std::move(sources));
}

std::vector<int64_t> numbers_of(const WindowSource& mixture, int64_t from, int64_t count, uint64_t seed = 1) {
  RunOrder order(whole_text(mixture), seed);
  std::vector<int64_t> numbers;
  for (int64_t i = from; i < from + count; ++i) {
    const RunOrder::Sample sample = order.at(i);
    int64_t token = 0, target = 0;
    sample.windows->fill(sample.window, &token, &target);
    numbers.push_back(token);
  }
  return numbers;
}

/// How often each window comes.
std::map<int64_t, int64_t> counts_of(const std::vector<int64_t>& numbers, int64_t source) {
  std::map<int64_t, int64_t> counts;
  for (const int64_t number : numbers) {
    if (number / 1000 == source) ++counts[number];
  }
  return counts;
}

int64_t sum_of(const std::map<int64_t, int64_t>& counts) {
  int64_t sum = 0;
  for (const auto& [number, count] : counts) sum += count;
  return sum;
}

TEST(Mixture, EveryEpochHasItsSharesWhateverTheLengthsAre) {
  const auto mixture = mixture_of({90, 10}, {3, 1});
  EXPECT_EQ(mixture->windows(), 100);
  for (int64_t epoch = 0; epoch < 5; ++epoch) {
    const std::vector<int64_t> numbers = numbers_of(*mixture, 100 * epoch, 100);
    EXPECT_EQ(sum_of(counts_of(numbers, 0)), 75);
    EXPECT_EQ(sum_of(counts_of(numbers, 1)), 25);
  }
  EXPECT_EQ(mixture->in_words(),
            "a 75.0% of the sequences, 0.83 epochs of its own in one of all; b 25.0% of the sequences, 2.50 epochs of "
            "its own in one of all");
}

TEST(Mixture, ASourceIsGoneThroughEvenlyOverTheEndsOfEpochs) {
  const auto mixture = mixture_of({90, 10}, {3, 1});
  const std::vector<int64_t> numbers =
      numbers_of(*mixture, 0, 600);  // 450 of the one are 5 epochs, 150 of the other 15
  const auto first = counts_of(numbers, 0), second = counts_of(numbers, 1);
  EXPECT_EQ(first.size(), 90U);
  EXPECT_EQ(second.size(), 10U);
  for (const auto& [number, count] : first) EXPECT_EQ(count, 5) << number;
  for (const auto& [number, count] : second) EXPECT_EQ(count, 15) << number;
}

TEST(Mixture, TheOrderDependsOnTheSeedAndNotOnWhereARunBegins) {
  const auto mixture = mixture_of({30, 7, 50}, {0.2, 0.5, 0.3});
  const std::vector<int64_t> all = numbers_of(*mixture, 0, 300);
  for (const int64_t from : {1, 86, 87, 88, 200}) {
    const std::vector<int64_t> rest = numbers_of(*mixture, from, 300 - from);
    EXPECT_TRUE(std::ranges::equal(rest, std::span(all).subspan(static_cast<size_t>(from)))) << from;
  }
  EXPECT_NE(numbers_of(*mixture, 0, 300, /*seed=*/2), all);
}

TEST(Mixture, AResumedRunGoesOnWhereItWas) {
  const auto mixture = mixture_of({30, 7}, {1, 1});
  const std::vector<int64_t> all = numbers_of(*mixture, 0, 200);
  RunOrder order(whole_text(*mixture), 1);
  order.at(99);
  RunOrder resumed(whole_text(*mixture), 1);
  resumed.seek(order.visit());
  int64_t token = 0, target = 0;
  const RunOrder::Sample sample = resumed.at(100);
  sample.windows->fill(sample.window, &token, &target);
  EXPECT_EQ(token, all[100]);
}

TEST(Mixture, AWeightThatIsTooSmallForASequenceIsRefused) {
  EXPECT_EQ(error_of(ExitCode::kConfig,
                     [] {
                       mixture_of({90, 10}, {1, 1e-6});
                     }),
            "data.weights: got b=1e-06 of 1 together, want at least one of the 100 sequences of an epoch (raise its "
            "weight, or leave the text out)");
}

DataConfig config_of(const std::string& folder, const std::vector<std::string>& weights) {
  DataConfig config;
  config.train = {{write_texts(folder, "a.jsonl", numbered_texts(300)), "one"},
                  {write_texts(folder, "b.jsonl", {"other text", "of another domain", "and some more of it"}), "two"},
                  {write_texts(folder, "c.jsonl", {"with a third part of the first"}), "one"}};
  config.sequence_length = 8;
  config.validation_fraction = 0;
  config.weights = weights;
  return config;
}

TEST(Mixture, OfDomainsIsEachDomainByItselfInItsShareWithItsLabel) {
  const std::string folder = test_folder();
  const Datasets datasets = open_datasets(config_of(folder, {"two=1", "one=3"}), ByteTokenizer());
  const WindowSource& mixture = *datasets.train;
  EXPECT_EQ(mixture.domains(), (std::vector<std::string>{"one", "two"}));
  std::map<int64_t, int64_t> windows_of;
  std::vector<int64_t> labels(8);
  for (const uint32_t window : mixture.windows_of_epoch(0, 1)) {
    mixture.label_domains(window, labels.data());
    ++windows_of[labels[0]];
    EXPECT_EQ(labels, std::vector<int64_t>(8, labels[0])) << "no window is of two domains";
  }
  EXPECT_EQ(windows_of[0] + windows_of[1], mixture.windows());
  EXPECT_NEAR(static_cast<double>(windows_of[0]), 0.75 * static_cast<double>(mixture.windows()), 1);
  EXPECT_NE(mixture.fingerprint(),
            open_datasets(config_of(folder, {"two=1", "one=2"}), ByteTokenizer()).train->fingerprint());
}

TEST(Mixture, WeightsAndDomainsHaveTheSameNames) {
  const auto error = [](const std::vector<std::string>& weights) {
    return error_of(ExitCode::kConfig, [&] { open_datasets(config_of(test_folder(), weights), ByteTokenizer()); });
  };
  EXPECT_EQ(error({"one=1"}),
            "data.weights: got no weight of \"two\", want one of each domain of data.train: one, two");
  EXPECT_EQ(error({"one=1", "two=1", "three=1"}),
            "data.weights: got a weight of \"three\", of which there is no text, want domains of data.train: one, two");
  for (const std::string bad : {"one", "one=", "one=x", "one=0", "one=-1", "one=inf", "one=1 "}) {
    EXPECT_NE(error({bad, "two=1"}).find("data.weights[0]: got \"" + bad + "\", want <domain>=<number above 0>"),
              std::string::npos)
        << bad;
  }
  EXPECT_NE(error({"one=1", "one=2"}).find("data.weights[1]"), std::string::npos);
}

}  // namespace
}  // namespace mm
