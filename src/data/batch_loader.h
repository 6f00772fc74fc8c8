// From windows to batches of tensors: in the order of a run, or front to back.
#pragma once

#include <ATen/Device.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

#include "core/process/processor_wait.h"
#include "data/batch.h"
#include "data/run_order.h"
#include "data/training_text.h"
#include "data/windows/window_source.h"

namespace mm {

/// Which part of each batch is this process's: of n ranks, rank r takes the r-th micro-batch of every n.
struct RankShare {
  int64_t rank = 0, ranks = 1;
};

/// Endless shuffled micro-batches, made ahead by a thread of its own.
class BatchLoader {
 public:
  BatchLoader(std::shared_ptr<TrainingText> text, int64_t micro_batch, uint64_t seed, at::Device device = at::kCPU,
              RankShare share = {});
  /// The dataset must outlive the loader.
  BatchLoader(const WindowSource& dataset, int64_t micro_batch, uint64_t seed, at::Device device = at::kCPU);
  ~BatchLoader();
  BatchLoader(const BatchLoader&) = delete;
  BatchLoader& operator=(const BatchLoader&) = delete;

  /// The next `micro_batch` sequences; a batch may reach from one group, or epoch, into the next. Waits for text that
  /// is not tokenized yet: throws as TrainingText::group and require_sound() do, StopRequested when the run is asked to
  /// stop meanwhile.
  Batch next();

  /// Seconds that next() waited for a batch to be made, since the last call. Not for a thread to get a processor: on a
  /// busy machine everything takes longer, and text that is there is not slow.
  double take_waited_seconds() { return std::exchange(waited_seconds_, 0); }

  /// These windows of the first group, whatever the order of the run; the place stays.
  Batch batch_of(std::span<const int64_t> windows) const;
  /// The first group, which is all of the text where there is but one.
  const WindowSource& first_group() const { return *first_group_; }
  int64_t groups() const { return text_->groups(); }

  /// All that a resumed run needs to know.
  struct Place {
    int64_t position = 0;        ///< sequences consumed since step 0, of all ranks
    RunOrder::Visit visit = {};  ///< that of the last of them
  };
  const Place& place() const { return place_; }
  int64_t position() const { return place_.position; }
  void seek(const Place& place);
  /// Without its visit, which is found by going over the text in between.
  void seek(int64_t position);

 private:
  struct Made {
    Batch batch;  // not on its device yet
    bool counts_padding = true;
    RunOrder::Visit visit;
    std::chrono::steady_clock::time_point ready_at = {};
    double without_processor = 0;  // seconds of the thread up to then
  };

  void start();
  void halt();
  void work(int64_t position, std::stop_token stop);
  Made make(int64_t position, std::stop_token stop);
  void wait_until_ready(std::unique_lock<std::mutex>& lock);

  std::shared_ptr<TrainingText> text_;
  std::shared_ptr<const WindowSource> first_group_;
  RunOrder order_;  // of the thread, while there is one
  int64_t micro_batch_;
  at::Device device_;
  RankShare share_;
  Place place_;
  double waited_seconds_ = 0;

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<Made> made_;  ///< from place_ on
  std::exception_ptr failure_;
  std::optional<ProcessorWait> wait_of_thread_;
  std::jthread thread_;
};

/// `windows` windows once each, front to back, taken evenly from the whole dataset. The dataset must outlive the
/// reader.
class SequentialLoader {
 public:
  /// `windows` is at most dataset.windows().
  SequentialLoader(const WindowSource& dataset, int64_t micro_batch, int64_t windows, at::Device device = at::kCPU);

  /// The next windows, `micro_batch` of them or what is left; nothing after the last.
  std::optional<Batch> next();

  /// Those of the last batch, one for each row.
  const std::vector<int64_t>& last_windows() const { return last_windows_; }

 private:
  const WindowSource& dataset_;
  int64_t micro_batch_;
  int64_t windows_;
  at::Device device_;
  int64_t read_ = 0;
  std::vector<int64_t> last_windows_;
};

}  // namespace mm
