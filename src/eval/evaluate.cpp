// Sums stay on the device and are read once, at the end.
#include "eval/evaluate.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numbers>

#include "core/process/stop_signal.h"
#include "core/terminal/progress.h"
#include "data/batch_loader.h"
#include "engine/batch_layout.h"
#include "engine/device/host_values.h"
#include "eval/domain_watch.h"
#include "ops/cross_entropy.h"

namespace mm {

BatchLayout evaluation_layout(const Batch& batch) {
  BatchLayout layout = layout_of(batch);
  layout.counted_bt = batch.targets_bt >= 0;
  return layout;
}

at::Tensor bytes_per_token(const Tokenizer& tokenizer, int64_t vocab_size, at::Device device) {
  at::Tensor bytes_v = at::zeros({vocab_size}, at::kFloat);
  float* bytes = bytes_v.mutable_data_ptr<float>();
  for (int64_t id = 0; id < tokenizer.vocab_size(); ++id) {
    bytes[id] = static_cast<float>(tokenizer.token_bytes(static_cast<int32_t>(id)));
  }
  return bytes_v.to(device);
}

LossSums::LossSums(const at::Tensor& bytes_per_token_v)
    : bytes_per_token_v_(bytes_per_token_v), sums_(at::zeros({3}, bytes_per_token_v.options().dtype(at::kDouble))) {}

at::Tensor LossSums::add(const at::Tensor& logits_nv, const at::Tensor& targets_bt) {
  const at::Tensor targets_n = targets_bt.flatten();
  const at::Tensor counted_n = targets_n >= 0;
  const at::Tensor loss_n = cross_entropy(logits_nv, targets_n);
  const at::Tensor bytes_n = bytes_per_token_v_.index_select(0, targets_n.clamp_min(0)) * counted_n;
  sums_ += at::stack({loss_n.sum(at::kDouble), counted_n.sum(at::kDouble), bytes_n.sum(at::kDouble)});
  return loss_n;
}

void LossSums::add(const LossSums& other) {
  sums_ += other.sums_;
}

EvaluationRecord LossSums::record() const {
  const std::vector<double> values = host_values(sums_);
  EvaluationRecord record;
  record.tokens = static_cast<int64_t>(values[1]);
  record.loss = values[0] / values[1];
  record.perplexity = std::exp(record.loss);
  record.bits_per_byte = values[0] / std::numbers::ln2 / values[2];
  return record;
}

int64_t evaluated_windows(const WindowSource& data, int64_t max_tokens) {
  if (max_tokens == 0) return data.windows();
  return std::clamp<int64_t>(max_tokens / data.sequence_length(), 1, data.windows());
}

EvaluationRecord evaluate(CausalLm& model, const WindowSource& data, int64_t max_tokens, int64_t micro_batch,
                          const at::Tensor& bytes_per_token_v, DomainWatch* domains) {
  const auto start = std::chrono::steady_clock::now();
  const at::NoGradGuard no_grad;
  LossSums sums(bytes_per_token_v);
  const int64_t windows = evaluated_windows(data, max_tokens);
  SequentialLoader loader(data, micro_batch, windows, bytes_per_token_v.device());
  Progress progress("validation", static_cast<double>(windows));
  int64_t read = 0;
  while (const std::optional<Batch> batch = loader.next()) {
    leave_if_stopping();
    const HiddenStates states = model.forward(batch->tokens_bt, /*training=*/false, evaluation_layout(*batch));
    const at::Tensor loss_n = sums.add(model.logits(states.hidden_nd), batch->targets_bt);
    if (domains != nullptr)
      domains->add(loader.last_windows(), states.reports, batch->tokens_bt, batch->targets_bt, loss_n);
    progress.done(static_cast<double>(read += batch->tokens_bt.size(0)));
  }
  EvaluationRecord record = sums.record();
  record.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return record;
}

}  // namespace mm
