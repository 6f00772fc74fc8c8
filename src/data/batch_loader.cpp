// Fills int64 tensors from the dataset; those that travel to a GPU become narrow, in pinned memory, and wide again
// there.
#include "data/batch_loader.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "core/error.h"
#include "core/process/stop_signal.h"
#include "data/batch_wire.h"

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

/// A batch before it goes to its device.
struct HostBatch {
  Batch batch;
  bool counts_padding = true;
};

/// Ready to be sent. `sample_of(row)` is what a row of the batch holds.
template <class SampleOf>
HostBatch fill_batch(int64_t rows, int64_t length, at::Device device, const SampleOf& sample_of) {
  const auto options = at::TensorOptions().dtype(at::kLong);
  HostBatch made = {
      .batch = {.tokens_bt = at::empty({rows, length}, options), .targets_bt = at::empty({rows, length}, options)}};
  Batch& batch = made.batch;
  auto* tokens = batch.tokens_bt.mutable_data_ptr<int64_t>();
  auto* targets = batch.targets_bt.mutable_data_ptr<int64_t>();
  int64_t documents = 0;  // at most, in a row
  for (int64_t row = 0; row < rows; ++row) {
    const auto [windows, window] = sample_of(row);
    batch.targets += windows->fill(window, tokens + row * length, targets + row * length);
    windows->append_lengths(window, batch.document_lengths);
    documents = std::max(documents, windows->documents_in_window());
    made.counts_padding = made.counts_padding && windows->counts_padding();
  }
  if (documents > 0) {
    batch.document_ends_s =
        document_ends(batch.document_lengths, rows * documents, options.pinned_memory(device.is_cuda()));
  }
  if (device.is_cuda()) {
    batch.tokens_bt = narrow(batch.tokens_bt, /*pinned=*/true);
    batch.targets_bt = narrow(batch.targets_bt, /*pinned=*/true);
  }
  return made;
}

Batch send(HostBatch made, at::Device device) {
  Batch& batch = made.batch;
  if (device.is_cuda()) {
    // The allocator of pinned memory keeps the buffers until the copies are done.
    for (at::Tensor* x : {&batch.tokens_bt, &batch.targets_bt, &batch.document_ends_s}) {
      if (x->defined()) *x = x->to(device, /*non_blocking=*/true);
    }
    batch.tokens_bt = widen(batch.tokens_bt);
    batch.targets_bt = widen(batch.targets_bt);
  }
  if (!made.counts_padding) batch.counted_bt = batch.targets_bt.ge(0);
  return std::move(batch);
}

Batch batch_from(const WindowSource& dataset, std::span<const int64_t> windows, at::Device device) {
  return send(fill_batch(std::ssize(windows), dataset.sequence_length(), device,
                         [&](int64_t row) { return std::pair(&dataset, windows[static_cast<size_t>(row)]); }),
              device);
}

/// Enough for a batch to be there while the next one is made.
constexpr size_t kAhead = 2;

}  // namespace

BatchLoader::BatchLoader(std::shared_ptr<TrainingText> text, int64_t micro_batch, uint64_t seed, at::Device device,
                         RankShare share)
    : text_(std::move(text)),
      first_group_(text_->group(0)),
      order_(text_, seed),
      micro_batch_(micro_batch),
      device_(device),
      share_(share) {
  require(micro_batch > 0, "a micro-batch above zero");
}

BatchLoader::BatchLoader(const WindowSource& dataset, int64_t micro_batch, uint64_t seed, at::Device device)
    : BatchLoader(whole_text(dataset), micro_batch, seed, device) {}

BatchLoader::~BatchLoader() {
  halt();
}

Batch BatchLoader::next() {
  text_->require_sound();
  if (!thread_.joinable()) start();
  std::unique_lock lock(mutex_);
  if (made_.empty()) wait_until_ready(lock);
  if (made_.empty()) {
    const std::exception_ptr failure = failure_;
    lock.unlock();
    halt();
    std::rethrow_exception(failure);
  }
  Made made = std::move(made_.front());
  made_.pop_front();
  changed_.notify_all();
  lock.unlock();
  place_ = {.position = place_.position + micro_batch_ * share_.ranks, .visit = made.visit};
  return send({std::move(made.batch), made.counts_padding}, device_);
}

void BatchLoader::wait_until_ready(std::unique_lock<std::mutex>& lock) {
  constexpr std::chrono::milliseconds kPatience{100};
  const auto begin = std::chrono::steady_clock::now();
  const double without_processor = wait_of_thread_ ? wait_of_thread_->seconds() : 0;
  while (!changed_.wait_for(lock, kPatience, [&] { return !made_.empty() || failure_; })) leave_if_stopping();
  if (made_.empty()) return;
  const Made& made = made_.front();
  const double waited = std::chrono::duration<double>(made.ready_at - begin).count();
  waited_seconds_ += std::max(0.0, waited - (made.without_processor - without_processor));
}

void BatchLoader::start() {
  order_.seek(place_.visit);
  thread_ = std::jthread([this, from = place_.position](const std::stop_token& stop) { work(from, stop); });
}

void BatchLoader::halt() {
  thread_ = {};  // stops and joins
  made_.clear();
  failure_ = nullptr;
  wait_of_thread_.reset();
}

void BatchLoader::work(int64_t position, std::stop_token stop) {
  {
    const std::lock_guard lock(mutex_);
    wait_of_thread_.emplace();
  }
  try {
    for (; !stop.stop_requested(); position += micro_batch_ * share_.ranks) {
      Made made = make(position, stop);
      made.ready_at = std::chrono::steady_clock::now();
      made.without_processor = wait_of_thread_->seconds();
      std::unique_lock lock(mutex_);
      if (!changed_.wait(lock, stop, [&] { return made_.size() < kAhead; })) return;
      made_.push_back(std::move(made));
      changed_.notify_all();
    }
  } catch (...) {
    const std::lock_guard lock(mutex_);
    failure_ = std::current_exception();
    changed_.notify_all();
  }
}

BatchLoader::Made BatchLoader::make(int64_t position, std::stop_token stop) {
  const int64_t first = position + share_.rank * micro_batch_;
  std::vector<RunOrder::Sample> samples;  // which keep their group
  for (int64_t row = 0; row < micro_batch_; ++row) samples.push_back(order_.at(first + row, stop));
  HostBatch filled = fill_batch(micro_batch_, text_->sequence_length(), device_, [&](int64_t row) {
    const RunOrder::Sample& sample = samples[static_cast<size_t>(row)];
    return std::pair(sample.windows.get(), sample.window);
  });
  Made made = {std::move(filled.batch), filled.counts_padding, order_.visit()};
  // The place of all ranks is the same.
  if (share_.rank + 1 < share_.ranks) {
    order_.at(position + share_.ranks * micro_batch_ - 1, stop);
    made.visit = order_.visit();
  }
  return made;
}

Batch BatchLoader::batch_of(std::span<const int64_t> windows) const {
  return batch_from(*first_group_, windows, device_);
}

void BatchLoader::seek(const Place& place) {
  if (place.position == place_.position && place.visit == place_.visit) return;
  halt();
  order_.seek(place.visit);  // which looks at it
  place_ = place;
}

void BatchLoader::seek(int64_t position) {
  seek(Place{.position = position, .visit = position < place_.visit.begin ? RunOrder::Visit{} : place_.visit});
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
  Batch batch = batch_from(dataset_, last_windows_, device_);
  read_ += rows;
  return batch;
}

}  // namespace mm
