// Fills int64 tensors from the dataset, in pinned memory when they travel to a GPU.
#include "data/batch_loader.h"

#include <ATen/ops/empty.h>

#include <algorithm>

#include "core/error.h"

namespace mm {
namespace {

/// `window_of(row)` is the window that a row of the batch holds.
template <class WindowOf>
Batch fill_batch(const WindowSource& dataset, int64_t rows, at::Device device, const WindowOf& window_of) {
  const int64_t length = dataset.sequence_length();
  const auto options = at::TensorOptions().dtype(at::kLong).pinned_memory(device.is_cuda());
  Batch batch = {.tokens_bt = at::empty({rows, length}, options), .targets_bt = at::empty({rows, length}, options)};
  auto* tokens = batch.tokens_bt.mutable_data_ptr<int64_t>();
  auto* targets = batch.targets_bt.mutable_data_ptr<int64_t>();
  for (int64_t row = 0; row < rows; ++row) {
    batch.targets += dataset.fill(window_of(row), tokens + row * length, targets + row * length);
  }
  if (device.is_cuda()) {
    // The allocator of pinned memory keeps both buffers until the copies are done.
    batch.tokens_bt = batch.tokens_bt.to(device, /*non_blocking=*/true);
    batch.targets_bt = batch.targets_bt.to(device, /*non_blocking=*/true);
  }
  return batch;
}

}  // namespace

BatchLoader::BatchLoader(const WindowSource& dataset, int64_t micro_batch, uint64_t seed, at::Device device)
    : dataset_(dataset), order_(dataset.windows(), seed), micro_batch_(micro_batch), device_(device) {
  require(micro_batch > 0, "a micro-batch above zero");
}

Batch BatchLoader::next() {
  Batch batch =
      fill_batch(dataset_, micro_batch_, device_, [&](int64_t row) { return order_.window_at(position_ + row); });
  position_ += micro_batch_;
  return batch;
}

Batch BatchLoader::batch_of(std::span<const int64_t> windows) const {
  return fill_batch(dataset_, std::ssize(windows), device_,
                    [&](int64_t row) { return windows[static_cast<size_t>(row)]; });
}

SequentialLoader::SequentialLoader(const PackedDataset& dataset, int64_t micro_batch, int64_t windows,
                                   at::Device device)
    : dataset_(dataset), micro_batch_(micro_batch), windows_(windows), device_(device) {
  require(micro_batch > 0, "a micro-batch above zero");
  require(windows > 0 && windows <= dataset.windows(), "windows that are there");
}

std::optional<Batch> SequentialLoader::next() {
  const int64_t rows = std::min(micro_batch_, windows_ - read_);
  if (rows == 0) return {};
  last_windows_.clear();
  for (int64_t row = 0; row < rows; ++row) last_windows_.push_back((read_ + row) * dataset_.windows() / windows_);
  Batch batch =
      fill_batch(dataset_, rows, device_, [&](int64_t row) { return last_windows_[static_cast<size_t>(row)]; });
  read_ += rows;
  return batch;
}

}  // namespace mm
