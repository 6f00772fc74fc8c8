// Batches: every window of an epoch once, the same again after a resume, and padding in the last one only.
#include "data/batch_loader.h"

#include <ATen/ops/equal.h>
#include <gtest/gtest.h>
#include <sched.h>

#include <chrono>
#include <ctime>
#include <thread>

#include "data/windows/packing/document_dataset.h"
#include "data_files.h"
#include "numbered_groups.h"

namespace mm {
namespace {

using LastWindow = PackedDataset::LastWindow;

PackedDataset small_dataset(LastWindow last_window) {
  return pack_file(write_texts(test_folder(), "a.jsonl", numbered_texts(60)), 8, last_window);
}

TEST(BatchLoader, TargetsAreTheNextTokens) {
  const PackedDataset dataset = small_dataset(LastWindow::kDrop);
  const Batch batch = BatchLoader(dataset, 4, 1).next();
  EXPECT_EQ(batch.tokens_bt.sizes(), at::IntArrayRef({4, 8}));
  EXPECT_EQ(batch.targets_bt.sizes(), at::IntArrayRef({4, 8}));
  EXPECT_EQ(batch.tokens_bt.scalar_type(), at::kLong);
  EXPECT_TRUE(at::equal(batch.tokens_bt.slice(1, 1), batch.targets_bt.slice(1, 0, 7)));
}

TEST(BatchLoader, AnEpochVisitsEveryTrainingTokenExactlyOnce) {
  const PackedDataset dataset = small_dataset(LastWindow::kDrop);
  BatchLoader loader(dataset, 1, 3);
  std::vector<int> visits(static_cast<size_t>(dataset.windows()));
  std::vector<int64_t> tokens(8);
  std::vector<int64_t> targets(8);
  for (int64_t i = 0; i < dataset.windows(); ++i) {
    const Batch batch = loader.next();
    for (int64_t window = 0; window < dataset.windows(); ++window) {
      dataset.fill(window, tokens.data(), targets.data());
      visits[static_cast<size_t>(window)] +=
          std::equal(targets.begin(), targets.end(), batch.targets_bt.data_ptr<int64_t>()) &&
          std::equal(tokens.begin(), tokens.end(), batch.tokens_bt.data_ptr<int64_t>());
    }
  }
  EXPECT_EQ(visits, std::vector<int>(visits.size(), 1));
}

/// Windows of which each takes a tenth of a second: of waiting, as for a disk, or of work.
class SlowWindows : public NumberedWindows {
 public:
  explicit SlowWindows(bool work) : NumberedWindows(0, 40), work_(work) {}
  int64_t fill(int64_t window, int64_t* tokens, int64_t* targets) const override {
    if (work_) {
      const std::clock_t end = ticks() + CLOCKS_PER_SEC / 10;
      while (ticks() < end) {
      }
    } else {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    return NumberedWindows::fill(window, tokens, targets);
  }

 private:
  /// Of this thread.
  static std::clock_t ticks() {
    timespec now = {};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec * CLOCKS_PER_SEC + now.tv_nsec / (1'000'000'000 / CLOCKS_PER_SEC);
  }

  bool work_;
};

TEST(BatchLoader, TellsHowLongNothingWasReady) {
  const SlowWindows windows(/*work=*/false);
  BatchLoader loader(windows, 2, 1);
  for (int batch = 0; batch < 3; ++batch) loader.next();
  // Six windows were made meanwhile, one after another.
  EXPECT_GE(loader.take_waited_seconds(), 0.5);
  EXPECT_EQ(loader.take_waited_seconds(), 0);
}

/// The calling thread, and those that it makes meanwhile, share one processor.
class OnOneProcessor {
 public:
  OnOneProcessor() {
    sched_getaffinity(0, sizeof before_, &before_);
    int first = 0;
    while (!CPU_ISSET(first, &before_)) ++first;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    sched_setaffinity(0, sizeof one, &one);
  }
  ~OnOneProcessor() { sched_setaffinity(0, sizeof before_, &before_); }

 private:
  cpu_set_t before_;
};

TEST(BatchLoader, DoesNotTellOfABusyMachine) {
  const OnOneProcessor one;
  std::jthread others[2];
  for (std::jthread& other : others) {
    other = std::jthread([](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
      }
    });
  }
  const SlowWindows windows(/*work=*/true);
  BatchLoader loader(windows, 1, 1);
  const auto begin = std::chrono::steady_clock::now();
  for (int batch = 0; batch < 5; ++batch) loader.next();
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  EXPECT_GT(seconds, 1) << "half a second of work by one of three threads";
  const double waited = loader.take_waited_seconds();
  EXPECT_GT(waited, 0.1);
  EXPECT_LT(waited, 0.75);
}

TEST(BatchLoader, WindowsThatAreAskedForComeInThatOrderAndLeaveThePositionAsItIs) {
  const PackedDataset dataset = small_dataset(LastWindow::kPad);
  const int64_t last = dataset.windows() - 1;
  BatchLoader loader(dataset, 4, 1);
  const Batch batch = loader.batch_of(std::vector<int64_t>{last, 2});
  std::vector<int64_t> tokens(8), targets(8);
  int64_t real = 0;
  for (int64_t row = 0; row < 2; ++row) {
    real += dataset.fill(row == 0 ? last : 2, tokens.data(), targets.data());
    EXPECT_TRUE(std::equal(tokens.begin(), tokens.end(), batch.tokens_bt[row].const_data_ptr<int64_t>()));
    EXPECT_TRUE(std::equal(targets.begin(), targets.end(), batch.targets_bt[row].const_data_ptr<int64_t>()));
  }
  EXPECT_EQ(batch.targets, real);
  EXPECT_LT(batch.targets, 16);
  EXPECT_EQ(loader.position(), 0);
}

TEST(BatchLoader, AResumedLoaderGivesTheSameBatches) {
  const PackedDataset dataset = small_dataset(LastWindow::kDrop);
  BatchLoader whole(dataset, 7, 5);
  for (int i = 0; i < 20; ++i) {
    const int64_t position = whole.position();
    const Batch expected = whole.next();
    BatchLoader resumed(dataset, 7, 5);
    resumed.seek(position);
    const Batch batch = resumed.next();
    EXPECT_TRUE(at::equal(batch.tokens_bt, expected.tokens_bt));
    EXPECT_TRUE(at::equal(batch.targets_bt, expected.targets_bt));
    EXPECT_EQ(resumed.position(), position + 7);
  }
}

TEST(BatchLoader, TheSizeOfBatchesDoesNotChangeTheOrder) {
  const PackedDataset dataset = small_dataset(LastWindow::kDrop);
  BatchLoader large(dataset, 6, 5);
  BatchLoader small(dataset, 2, 5);
  const Batch expected = large.next();
  for (int64_t i = 0; i < 3; ++i) {
    EXPECT_TRUE(at::equal(small.next().tokens_bt, expected.tokens_bt.slice(0, 2 * i, 2 * i + 2)));
  }
}

TEST(BatchLoader, TheEndsOfDocumentsTravelWithThemInTensorsOfOneShape) {
  const auto store = std::make_shared<const TokenStore>(
      TokenStore::open(write_texts(test_folder(), "a.jsonl", numbered_texts(60)), "", ByteTokenizer()));
  const DocumentDataset dataset(
      "data.train", {{store, ""}}, [](size_t, int64_t) { return true; }, 16, DocumentDataset::Rows::kPacked);
  BatchLoader loader(dataset, 4, 1);
  for (int i = 0; i < 5; ++i) {
    const Batch batch = loader.next();
    ASSERT_EQ(batch.document_ends_s.sizes(), at::IntArrayRef({4 * dataset.documents_in_window() + 1}));
    const int32_t* ends = batch.document_ends_s.const_data_ptr<int32_t>();
    int32_t end = 0;
    EXPECT_EQ(ends[0], 0);
    for (const int64_t length : batch.document_lengths) {
      end += static_cast<int32_t>(length);
      EXPECT_EQ(*++ends, end);
    }
    EXPECT_EQ(end, 4 * 16);
    EXPECT_EQ(batch.document_ends_s[-1].item<int32_t>(), end);
    EXPECT_TRUE(at::equal(batch.counted_bt, batch.targets_bt >= 0));
  }
}

std::vector<int64_t> numbers_of(const Batch& batch) {
  const int64_t* tokens = batch.tokens_bt.const_data_ptr<int64_t>();
  return {tokens, tokens + batch.tokens_bt.numel()};
}

TEST(BatchLoader, ABatchMayReachFromOneGroupIntoTheNextAndBeResumedAnywhere) {
  const std::vector<int64_t> sizes = {5, 7, 0, 4, 9};
  BatchLoader whole(std::make_shared<NumberedGroups>(sizes), 3, 8);
  for (int i = 0; i < 40; ++i) {
    const BatchLoader::Place place = whole.place();
    const std::vector<int64_t> expected = numbers_of(whole.next());
    BatchLoader resumed(std::make_shared<NumberedGroups>(sizes), 3, 8);
    resumed.seek(place);
    EXPECT_EQ(numbers_of(resumed.next()), expected);
    EXPECT_EQ(resumed.place().visit, whole.place().visit);
    resumed.seek(place.position);
    EXPECT_EQ(numbers_of(resumed.next()), expected) << "without the visit, too";
  }
}

TEST(BatchLoader, RanksTakeTheMicroBatchesOfOneOrderInTurn) {
  const std::vector<int64_t> sizes = {5, 7, 4, 9};
  BatchLoader alone(std::make_shared<NumberedGroups>(sizes), 2, 8);
  std::vector<std::unique_ptr<BatchLoader>> ranks;
  for (int64_t rank = 0; rank < 3; ++rank) {
    ranks.push_back(std::make_unique<BatchLoader>(std::make_shared<NumberedGroups>(sizes), 2, 8, at::kCPU,
                                                  RankShare{.rank = rank, .ranks = 3}));
  }
  for (int step = 0; step < 10; ++step) {
    for (const auto& rank : ranks) EXPECT_EQ(numbers_of(rank->next()), numbers_of(alone.next()));
    for (const auto& rank : ranks) {
      EXPECT_EQ(rank->place().position, alone.place().position);
      EXPECT_EQ(rank->place().visit, alone.place().visit);
    }
  }
}

TEST(BatchLoader, WhatMakingABatchEndsInComesWhenTheBatchIsAskedFor) {
  class Broken : public NumberedGroups {
   public:
    Broken() : NumberedGroups({4, 4}) {}
    std::shared_ptr<const WindowSource> group(int64_t group, std::stop_token stop) override {
      if (group == 1) throw Error(ExitCode::kData, "a bad line");
      return NumberedGroups::group(group, stop);
    }
  };
  BatchLoader loader(std::make_shared<Broken>(), 2, 8);
  loader.next();
  loader.next();
  EXPECT_EQ(error_of(ExitCode::kData, [&] { loader.next(); }), "a bad line");
  EXPECT_EQ(loader.position(), 4);
}

TEST(SequentialLoader, GivesEveryWindowInOrderAndPadsTheLastOnly) {
  const PackedDataset dataset = small_dataset(LastWindow::kPad);
  SequentialLoader loader(dataset, 5, dataset.windows());
  int64_t windows = 0;
  int64_t targets = 0;
  while (const std::optional<Batch> batch = loader.next()) {
    for (int64_t row = 0; row < batch->tokens_bt.size(0); ++row, ++windows) {
      const int64_t padding = batch->targets_bt[row].eq(kIgnoredTarget).sum().item<int64_t>();
      if (windows + 1 < dataset.windows()) {
        EXPECT_EQ(padding, 0);
      }
      targets += 8 - padding;
    }
  }
  EXPECT_EQ(windows, dataset.windows());
  EXPECT_EQ(targets, dataset.tokens() - 1);
}

TEST(SequentialLoader, FewerWindowsAreSpreadOverTheWholeDataset) {
  const PackedDataset dataset = small_dataset(LastWindow::kDrop);
  ASSERT_GE(dataset.windows(), 40);
  SequentialLoader loader(dataset, 3, 4);
  std::vector<int64_t> tokens(8);
  std::vector<int64_t> targets(8);
  int64_t read = 0;
  while (const std::optional<Batch> batch = loader.next()) {
    for (int64_t row = 0; row < batch->tokens_bt.size(0); ++row, ++read) {
      dataset.fill(read * dataset.windows() / 4, tokens.data(), targets.data());
      EXPECT_TRUE(std::equal(tokens.begin(), tokens.end(), batch->tokens_bt[row].data_ptr<int64_t>()));
    }
  }
  EXPECT_EQ(read, 4);
}

}  // namespace
}  // namespace mm
