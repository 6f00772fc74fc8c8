// The steps before it are those of a Trainer without sinks; the step itself is taken apart here.
#include "run/replay_step.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/files/files.h"
#include "core/terminal/log.h"
#include "core/text.h"
#include "engine/device/host_values.h"
#include "engine/non_finite.h"
#include "ops/cpu/caching_allocator.h"
#include "ops/cross_entropy.h"
#include "recipe/configured_run.h"
#include "recipe/resume/resume_policy.h"
#include "run/opening/opening.h"
#include "run/opening/run_data.h"
#include "train/trainer.h"

namespace mm {
namespace {

constexpr size_t kMost = 3;  // of each kind that is told

struct SequenceLoss {
  int64_t position = 0;  ///< in the order of the data
  double loss = 0;       ///< nats per token
  std::string text;      ///< its beginning
};

struct TensorGradient {
  std::string name;
  double rms = 0;
};

/// Descending; what is no number comes first.
template <class T>
void sort_by(std::vector<T>& values, double T::*member) {
  std::sort(values.begin(), values.end(), [&](const T& a, const T& b) {
    return std::isnan(a.*member) ? !std::isnan(b.*member) : a.*member > b.*member;
  });
}

std::vector<double> loss_of_each_sequence(CausalLm& model, const Batch& batch) {
  const at::NoGradGuard no_gradients;
  const at::Tensor hidden_nd = model.forward(batch.tokens_bt, /*training=*/false).hidden_nd;
  const at::Tensor losses_n = cross_entropy(model.logits(hidden_nd), batch.targets_bt.flatten());
  return host_values(losses_n.view(batch.targets_bt.sizes()).mean(1));
}

std::string beginning(const Tokenizer& tokenizer, const at::Tensor& tokens_t) {
  constexpr int64_t kTokens = 48;
  const at::Tensor ids = tokens_t.slice(0, 0, kTokens).to(at::kInt).cpu().contiguous();
  std::string text = tokenizer.decode({ids.const_data_ptr<int32_t>(), static_cast<size_t>(ids.numel())});
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

std::string describe(const NonFinite& where) {
  return format("layer %lld, %s", static_cast<long long>(where.layer), where.part.c_str()) +
         (where.expert ? format(" %lld", static_cast<long long>(*where.expert)) : "");
}

std::vector<TensorGradient> gradients(const Parameters& parameters, double scale) {
  std::vector<TensorGradient> result;
  for (const auto& [name, values] : parameters.named(parameters.gradient())) {
    const auto count = static_cast<double>(std::max<int64_t>(values.numel(), 1));
    result.push_back({name, values.norm().item<double>() / scale / std::sqrt(count)});
  }
  return result;
}

/// What a step is, and what it did.
struct Findings {
  StepRecord record;
  std::string not_finite;  ///< where the forward pass was first; empty: nowhere
  std::vector<TensorGradient> gradients;
  std::vector<SequenceLoss> sequences;
};

Findings take_apart(const RunConfig& config, TrainState& state, StepSource& steps, const Tokenizer& tokenizer) {
  Findings findings;
  const StepPlan plan = steps.plan(state.step);
  TrainingStep training(
      config.model, {.accumulation = config.train.accumulation, .max_grad_norm = config.optim.max_grad_norm}, state);
  training.begin(plan.micro_batches);
  for (int64_t micro_batch = 0; micro_batch < plan.micro_batches; ++micro_batch) {
    const int64_t position = state.loader.position();
    const Batch batch = steps.batch(state.step, micro_batch);
    const std::vector<double> losses = loss_of_each_sequence(state.model, batch);
    for (size_t i = 0; i < losses.size(); ++i) {
      findings.sequences.push_back({position + static_cast<int64_t>(i), losses[i],
                                    beginning(tokenizer, batch.tokens_bt[static_cast<int64_t>(i)])});
    }
    if (findings.not_finite.empty()) {
      const std::optional<NonFinite> where = find_non_finite(state.model, batch);
      if (where) {
        findings.not_finite = describe(*where);
      } else if (!std::all_of(losses.begin(), losses.end(), [](double loss) { return std::isfinite(loss); })) {
        findings.not_finite = "the logits, behind the last layer";
      }
    }
    seed_dropout(config, state.model.device(), state.step, micro_batch);
    training.backward(training.forward(batch), batch);
  }
  training.finish_gradients(state.spikes.limits_of_updates());
  findings.gradients = gradients(state.parameters, state.scaler.scale().item<double>());
  training.update(plan.learning_rate * state.rate_factor).read_into(findings.record);
  findings.record.learning_rate = plan.learning_rate * state.rate_factor;
  return findings;
}

std::string describe(Findings findings, int64_t step, const std::string& from) {
  const StepRecord& record = findings.record;
  std::string text =
      format("step %lld  replayed from %s\n  loss %.6g, gradient norm %.6g, learning rate %.4g: %s",
             static_cast<long long>(step), from.c_str(), record.loss, record.grad_norm, record.learning_rate,
             !record.skipped                   ? "taken"
             : std::isfinite(record.grad_norm) ? "left out as a spike"
                                               : "left out, as it is not finite");
  text += "\n  forward pass: " +
          (findings.not_finite.empty() ? "finite" : "values that are not finite, first in " + findings.not_finite);
  // A gradient comes from behind: the last of the parameters has it first.
  const auto broken = std::find_if(findings.gradients.rbegin(), findings.gradients.rend(),
                                   [](const TensorGradient& each) { return !std::isfinite(each.rms); });
  text += "\n  backward pass: " +
          (broken == findings.gradients.rend() ? "finite" : "gradients that are not finite, first of " + broken->name);
  const auto spread = [](const auto& values) { return std::min(values.size(), kMost); };
  sort_by(findings.gradients, &TensorGradient::rms);
  text += "\n  largest gradients (root mean square):";
  for (size_t i = 0; i < spread(findings.gradients); ++i) {
    text += format("\n    %.4g  %s", findings.gradients[i].rms, findings.gradients[i].name.c_str());
  }
  sort_by(findings.sequences, &SequenceLoss::loss);
  text += "\n  largest losses of a sequence (its place in the order of the data, how it begins):";
  for (size_t i = 0; i < spread(findings.sequences); ++i) {
    const SequenceLoss& sequence = findings.sequences[i];
    text += format("\n    %.4g  %lld  ", sequence.loss, static_cast<long long>(sequence.position)) + sequence.text;
  }
  return text;
}

/// As soon as it is known how many there are.
void check_step(const RunConfig& config, int64_t step) {
  if (!config.train.steps || step <= *config.train.steps) return;
  throw Error(ExitCode::kConfig, got_want("--replay-step", std::to_string(step),
                                          "at most the " + std::to_string(*config.train.steps) + " of the run"));
}

}  // namespace

std::string replay_step(const RunConfig& run_config, int64_t step) {
  RunConfig config = run_config;
  if (config.compat.enabled()) {
    throw Error(ExitCode::kConfig, got_want("--replay-step", "a run with compat.trainer", "one without",
                                            "metrics.jsonl and micro_steps.jsonl tell of its steps"));
  }
  check_step(config, step);
  if (path_kind(config.folder(), ExitCode::kConfig) == PathKind::kMissing) {
    throw Error(ExitCode::kConfig, got_want(config.folder(), "no such folder", "a run that has begun"));
  }
  throw_missing(missing_inputs(config, /*weights_open=*/true));
  CheckpointStore store(config.folder() + "/checkpoints", config.checkpoint.keep);
  std::optional<LoadedCheckpoint> loaded = store.load_up_to(step - 1, /*only_healthy=*/false);
  std::optional<Weights> weights;
  if (loaded) {
    const std::string before = settings_of(config, *loaded);
    keep_tokenizer(config, before);
    keep_older_ways(before, config.data);
    require_same_run(config, *loaded);
  } else if (!config.init.from.empty()) {
    weights = open_initial_weights(config.init);
  }
  cpu::use_caching_allocator();
  const DeviceSetup setup = set_up_device(config);
  const std::unique_ptr<Tokenizer> tokenizer = open_run_tokenizer(config);
  const TrainingData data = open_run_data(config, *tokenizer);
  TrainState state(config, setup, data.train);
  restore_or_initialize(config, loaded, weights, /*ranks=*/1, state);
  settle_steps(config, *data.train, state);
  check_step(config, step);
  if (state.step < step - 1) {
    log_info(
        format("replaying steps %lld to %lld", static_cast<long long>(state.step + 1), static_cast<long long>(step)));
  }
  const std::string from = loaded ? loaded->folder : "the first weights, as no checkpoint is older";
  loaded.reset();
  weights.reset();

  ScheduledSteps steps(config, state.loader);
  std::vector<std::unique_ptr<MetricSink>> no_sinks;
  Trainer({config, setup, *tokenizer, data.validation.get(), steps, store, no_sinks}, state).advance(step - 1);
  return describe(take_apart(config, state, steps, *tokenizer), step, from);
}

}  // namespace mm
