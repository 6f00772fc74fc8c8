// Fills int64 tensors from the dataset, in pinned memory when they travel to a GPU.
#include "data/batch_loader.h"

#include <ATen/ops/empty.h>

#include <algorithm>

#include "core/error.h"

namespace mm {
namespace {

/// Documents of all rows, one behind the other; as many ends as there may be.
at::Tensor document_ends(const std::vector<int64_t>& lengths, int64_t slots, const at::TensorOptions& options) {
  require(std::ssize(lengths) <= slots, "no more documents than a batch has room for");
  at::Tensor ends_s = at::empty({slots + 1}, options.dtype(at::kInt));
  auto* ends = ends_s.mutable_data_ptr<int32_t>();
  ends[0] = 0;
  for (size_t i = 0; i < static_cast<size_t>(slots); ++i) {
    ends[i + 1] = ends[i] + (i < lengths.size() ? static_cast<int32_t>(lengths[i]) : 0);
  }
  return ends_s;
}

/// `window_of(row)` is the window that a row of the batch holds.
template <class WindowOf>
Batch fill_batch(const WindowSource& dataset, int64_t rows, at::Device device, const WindowOf& window_of) {
  const int64_t length = dataset.sequence_length();
  const auto options = at::TensorOptions().dtype(at::kLong).pinned_memory(device.is_cuda());
  Batch batch = {.tokens_bt = at::empty({rows, length}, options), .targets_bt = at::empty({rows, length}, options)};
  auto* tokens = batch.tokens_bt.mutable_data_ptr<int64_t>();
  auto* targets = batch.targets_bt.mutable_data_ptr<int64_t>();
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t window = window_of(row);
    batch.targets += dataset.fill(window, tokens + row * length, targets + row * length);
    dataset.append_lengths(window, batch.document_lengths);
  }
  if (const int64_t slots = rows * dataset.documents_in_window(); slots > 0) {
    batch.document_ends_s = document_ends(batch.document_lengths, slots, options);
  }
  if (device.is_cuda()) {
    // The allocator of pinned memory keeps the buffers until the copies are done.
    const auto send = [&](at::Tensor& x) { x = x.to(device, /*non_blocking=*/true); };
    send(batch.tokens_bt);
    send(batch.targets_bt);
    if (batch.document_ends_s.defined()) send(batch.document_ends_s);
  }
  if (!dataset.counts_padding()) batch.counted_bt = batch.targets_bt.ge(0);
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

SequentialLoader::SequentialLoader(const WindowSource& dataset, int64_t micro_batch, int64_t windows, at::Device device)
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
