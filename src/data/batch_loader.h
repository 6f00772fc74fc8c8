// From windows to batches of tensors: in the order of a run, or front to back.
#pragma once

#include <ATen/Device.h>

#include <cstdint>
#include <optional>
#include <span>

#include "data/batch.h"
#include "data/sample_order.h"
#include "data/window_source.h"

namespace mm {

/// Endless shuffled micro-batches. The dataset must outlive the loader.
class BatchLoader {
 public:
  BatchLoader(const WindowSource& dataset, int64_t micro_batch, uint64_t seed, at::Device device = at::kCPU);

  /// The next `micro_batch` sequences; a batch may reach from one epoch into the next.
  Batch next();

  /// These windows, whatever the order of the run; position() stays.
  Batch batch_of(std::span<const int64_t> windows) const;
  const WindowSource& dataset() const { return dataset_; }

  /// Sequences consumed since step 0: all that a resumed run needs to know.
  int64_t position() const { return position_; }
  void seek(int64_t position) { position_ = position; }

 private:
  const WindowSource& dataset_;
  SampleOrder order_;
  int64_t micro_batch_;
  at::Device device_;
  int64_t position_ = 0;
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
