// The tables.
#include "metrics/record_fields.h"

#include <numeric>

namespace mm {
namespace {

bool has_balance_loss(const StepRecord& record) {
  return record.aux_loss_floor > 0;
}

bool has_average(const EvaluationRecord& record) {
  return record.average_loss > 0;
}

}  // namespace

double tokens_per_second(const StepRecord& record) {
  return record.seconds > 0 ? static_cast<double>(record.tokens) / record.seconds : 0;
}

double dropped_share(const StepRecord& record) {
  const int64_t pairs = std::accumulate(record.load.tokens.begin(), record.load.tokens.end(), int64_t{0});
  return pairs > 0 ? static_cast<double>(record.dropped_tokens) / static_cast<double>(pairs) : 0;
}

template <>
std::span<const NumberField<StepRecord>> number_fields() {
  constexpr auto kTiming = MetricFile::kTiming;
  static const NumberField<StepRecord> kFields[] = {
      {.key = "tokens", .value = &StepRecord::tokens},
      {.key = "tokens_total", .value = &StepRecord::tokens_total},
      {.key = "loss", .value = &StepRecord::loss, .tag = "loss/train"},
      {.key = "aux_loss", .value = &StepRecord::aux_loss, .tag = "loss/aux", .none = 0},
      {.key = "z_loss", .value = &StepRecord::z_loss, .tag = "loss/z", .none = 0},
      {.key = "grad_norm", .value = &StepRecord::grad_norm, .tag = "optim/grad_norm"},
      {.key = "learning_rate", .value = &StepRecord::learning_rate, .tag = "optim/learning_rate"},
      {.key = "loss_scale", .value = &StepRecord::loss_scale, .tag = "optim/loss_scale", .none = 1},
      {.key = "skipped", .value = &StepRecord::skipped},
      {.key = "aux_loss_unscaled", .value = &StepRecord::aux_loss_unscaled, .is_written = has_balance_loss},
      {.key = "aux_loss_floor", .value = &StepRecord::aux_loss_floor, .none = 0, .is_written = has_balance_loss},
      {.key = "seconds", .value = &StepRecord::seconds, .tag = "speed/seconds_per_step", .file = kTiming, .none = 0},
      {.key = "tokens_per_second",
       .value = tokens_per_second,
       .tag = "speed/tokens_per_second",
       .file = kTiming,
       .none = 0},
      {.key = "mfu", .value = &StepRecord::mfu, .tag = "speed/mfu", .file = kTiming, .none = 0},
      {.key = "data_seconds", .value = &StepRecord::data_seconds, .tag = "speed/data_seconds", .file = kTiming},
      {.key = "memory_bytes", .value = &StepRecord::memory_bytes, .tag = "memory/bytes", .file = kTiming, .none = 0},
  };
  return kFields;
}

template <>
std::span<const NumberField<EvaluationRecord>> number_fields() {
  static const NumberField<EvaluationRecord> kFields[] = {
      {.key = "tokens", .value = &EvaluationRecord::tokens},
      {.key = "loss", .value = &EvaluationRecord::loss, .tag = "loss/validation"},
      {.key = "perplexity", .value = &EvaluationRecord::perplexity, .tag = "validation/perplexity"},
      {.key = "bits_per_byte", .value = &EvaluationRecord::bits_per_byte, .tag = "validation/bits_per_byte"},
      {.key = "average_loss",
       .value = &EvaluationRecord::average_loss,
       .tag = "loss/validation_average",
       .none = 0,
       .is_written = has_average},
      {.key = "best", .value = &EvaluationRecord::best},
      {.key = "seconds", .value = &EvaluationRecord::seconds, .file = MetricFile::kTiming},
  };
  return kFields;
}

template <>
std::span<const LayerField<RouterNumbers>> layer_fields() {
  static const LayerField<RouterNumbers> kFields[] = {
      {.key = "token_entropy", .values = &RouterNumbers::token_entropy, .in_tensorboard = true},
      {.key = "logit_size", .values = &RouterNumbers::logit_size},
  };
  return kFields;
}

template <>
std::span<const LayerField<RouterRecord>> layer_fields() {
  static const LayerField<RouterRecord> kFields[] = {
      {.key = "gate_gradient_lm", .values = &RouterRecord::gate_gradient_lm, .in_tensorboard = true},
      {.key = "gate_gradient_aux", .values = &RouterRecord::gate_gradient_aux, .in_tensorboard = true},
      {.key = "gate_gradient_relative", .values = &RouterRecord::gate_gradient_relative},
      {.key = "churn", .values = &RouterRecord::churn, .in_tensorboard = true},
      {.key = "expert_cosine", .values = &RouterRecord::expert_cosine},
      {.key = "closest_cosine", .values = &RouterRecord::closest_cosine, .in_tensorboard = true},
  };
  return kFields;
}

}  // namespace mm
