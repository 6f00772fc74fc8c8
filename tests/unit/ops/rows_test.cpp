// How CPU kernels are spread over threads.
#include "ops/cpu/rows.h"

#include <ATen/ops/equal.h>

#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>

#include "compare.h"

namespace mm::cpu {
namespace {

class Rows : public testing::Test {
 protected:
  void SetUp() override { at::set_num_threads(2); }
  void TearDown() override { at::set_num_threads(threads_); }

 private:
  int threads_ = at::get_num_threads();
};

TEST_F(Rows, AreSharedByTwoThreadsAndEachVisitedOnce) {
  std::mutex mutex;
  std::set<std::thread::id> seen;
  std::vector<int> visits(1001, 0);
  for_rows(1001, 4096, [&](int64_t begin, int64_t end) {
    const std::lock_guard lock(mutex);
    seen.insert(std::this_thread::get_id());
    for (int64_t row = begin; row < end; ++row) ++visits[static_cast<size_t>(row)];
  });
  EXPECT_EQ(seen.size(), 2u);
  EXPECT_EQ(visits, std::vector<int>(1001, 1));
}

TEST_F(Rows, OfALittleWorkStayOnTheCallingThread) {
  int calls = 0;
  for_rows(3, 8, [&](int64_t begin, int64_t end) {
    ++calls;
    EXPECT_EQ(begin, 0);
    EXPECT_EQ(end, 3);
  });
  EXPECT_EQ(calls, 1);
}

TEST_F(Rows, ThatAreNoneRunNothing) {
  for_rows(0, 8, [](int64_t, int64_t) { FAIL(); });
}

TEST_F(Rows, AreSummedInOneOrderWhateverTheThreads) {
  const at::Tensor x = random_tensor({999, 130}, 1);
  const auto column_sums = [&] {
    return sum_over_rows(999, 130, x.options(), [&](int64_t begin, int64_t end, float* partial) {
      for (int64_t row = begin; row < end; ++row) {
        for (int64_t j = 0; j < 130; ++j) partial[j] += x.const_data_ptr<float>()[row * 130 + j];
      }
    });
  };
  const at::Tensor with_two = column_sums();
  at::set_num_threads(1);
  EXPECT_TRUE(at::equal(with_two, column_sums()));
  expect_close({with_two}, {x.to(at::kDouble).sum(0).to(at::kFloat)}, 1e-6);
}

TEST_F(Rows, OfUnevenTasksAreTakenByTheThreadThatIsFree) {
  std::mutex mutex;
  std::map<std::thread::id, std::vector<int64_t>> taken;
  std::atomic<int64_t> done = 0;
  using clock = std::chrono::steady_clock;
  const clock::time_point deadline = clock::now() + std::chrono::seconds(20);
  parallel_tasks(9, [&](int64_t task) {
    {
      const std::lock_guard lock(mutex);
      taken[std::this_thread::get_id()].push_back(task);
    }
    // The first task ends when all others have, so one thread must take those.
    while (task == 0 && done < 8 && clock::now() < deadline) std::this_thread::yield();
    ++done;
  });
  EXPECT_EQ(done, 9);
  ASSERT_EQ(taken.size(), 2u);
  for (const auto& [thread, tasks] : taken) EXPECT_TRUE(tasks.size() == 1 || tasks.size() == 8);
}

TEST_F(Rows, WhoseTaskFailsTellItWhenAllHaveEnded) {
  std::atomic<int> ended = 0;
  const auto run = [&] {
    parallel_tasks(5, [&](int64_t task) {
      ++ended;
      if (task == 1) throw std::runtime_error("task 1");
    });
  };
  EXPECT_THROW(run(), std::runtime_error);
  EXPECT_EQ(ended, 5);
}

}  // namespace
}  // namespace mm::cpu
