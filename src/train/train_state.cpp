// A checkpoint holds the master weights and router biases under their Hugging Face names, the optimizer's moments under
// the same names with a prefix, a few scalars and router loads as tensors, and the counters (train_counters.cpp).
#include "train/train_state.h"

#include <algorithm>

#include "checkpoint/named_access.h"
#include "core/error.h"
#include "core/text.h"
#include "interchange/config/model_settings.h"
#include "interchange/tensors/rope_rows.h"
#include "model/parameters/init.h"
#include "train/router/probe_batch.h"

namespace mm {
namespace {

void append(NamedTensors& to, const std::string& prefix, const NamedTensors& tensors) {
  for (const auto& [name, tensor] : tensors) to.emplace_back(prefix + name, tensor);
}

/// What a checkpoint holds besides the model, to read and to write; moments are those of `whole`.
NamedTensors optimizer_tensors(const TrainState& state, WholeModel& whole) {
  const LossScaler& scaler = state.scaler;
  NamedTensors tensors;
  for (const OptimizerState& part : whole.optimizer()) {
    if (part.begin) {
      append(tensors, part.name + ".", whole.parameters().named(part.values, *part.begin));
    } else {
      tensors.emplace_back(part.name, part.values);
    }
  }
  const at::Tensor& router_load = state.parameters.router_state().load_le;
  if (router_load.defined()) tensors.emplace_back("router_load", router_load);
  if (state.probe_experts_lns.defined()) tensors.emplace_back("probe_experts", state.probe_experts_lns);
  if (scaler.enabled()) {
    tensors.emplace_back("loss_scale", scaler.scale());
    tensors.emplace_back("loss_scale_finite_steps", scaler.finite_steps());
  }
  return tensors;
}

/// Precision, balancing loss and micro-batch may change under a run: a loss scale goes only from fp16 to fp16, the load
/// of the last step only from aux_loss "step" to "step", the probe only to one of its size.
void keep_in_both_or_neither(std::string_view prefix, NamedTensors& saved, NamedTensors& own) {
  const auto is_one = [&](const auto& entry) { return entry.first.starts_with(prefix); };
  const auto in_saved = std::find_if(saved.begin(), saved.end(), is_one),
             in_own = std::find_if(own.begin(), own.end(), is_one);
  if (in_saved != saved.end() && in_own != own.end() && in_saved->second.sizes() == in_own->second.sizes()) return;
  std::erase_if(saved, is_one);
  std::erase_if(own, is_one);
}

}  // namespace

TrainState::TrainState(const RunConfig& config, const DeviceSetup& setup, std::shared_ptr<TrainingText> data,
                       const World& world)
    : TrainedModel(config.model, config.optim, setup.device, setup.compute_type, world, shards_optimizer(config)),
      loader(data, config.train.micro_batch, static_cast<uint64_t>(config.run.seed), setup.device,
             {.rank = world.rank(), .ranks = world.size()}),
      data_fingerprint(data->fingerprint()),
      alarms(config.alarms, config.model.moe.num_experts_per_tok, config.model.vocab_size),
      probe_experts_lns(unknown_probe_experts(config, data->sequence_length(), setup.device)),
      spikes(config.spikes),
      watches_spikes(config.spikes.policy != "none") {
  if (config.compat.enabled()) replay_start.emplace();
  if (config.average.enabled()) average.emplace(parameters, config.average.decay);
}

WholeModel& TrainState::whole() {
  return whole_ ? *whole_ : whole_.emplace(*this);
}

void TrainState::start_fresh(const RunConfig& config) {
  initialize(whole().parameters(), config.model, static_cast<uint64_t>(config.run.seed));
}

void TrainState::start_from(const Weights& weights, const RunConfig& config) {
  copy_weights(weights, config.model, whole().parameters());
  if (!config.init.optimizer) return;
  if (!weights.training) {
    throw Error(ExitCode::kCheckpoint,
                got_want("init.optimizer", weights.file.path + ", which has no optimizer state", "a _resume.pth",
                         "set init.optimizer to false to take the weights alone"));
  }
  const TrainingState& training = *weights.training;
  if (training.updates > 0) {
    const auto in_layout = [&](const NamedTensors& moments) {
      return in_rope_layout(moments, *config.model.head_dim, weights.file.model.rope_layout, config.model.rope_layout);
    };
    // The config allows it for AdamW alone.
    for (const OptimizerState& part : whole().optimizer()) {
      if (part.name == "updates") part.values.fill_(static_cast<double>(training.updates));
      if (!part.begin) continue;
      const NamedTensors& moments = part.name == "exp_avg" ? training.first_moments : training.second_moments;
      copy_named(in_layout(moments), whole().parameters().named(part.values), weights.file.path);
    }
  }
  if (replay_start) {
    replay_start = {.epoch = training.epoch, .step = training.step};
    return;
  }
  step = training.updates;
  loader.seek(step * config.sequences_per_step());
  tokens_total = step * config.tokens_per_step();
}

Checkpoint TrainState::checkpoint() {
  WholeModel all(*this);
  all.collect();
  if (!division.world().is_first()) return {};
  NamedTensors moments = optimizer_tensors(*this, all);
  if (division.is_divided()) {
    // Training may go on while it is written.
    for (auto& [name, values] : moments) {
      if (!all.has_copy_in(values)) values = values.clone();
    }
  }
  Checkpoint checkpoint = {
      all.parameters().tensors(), std::move(moments), counters(), {{kModelMetadata, section_of(model.config())}}};
  if (average && average->has_begun()) checkpoint.average = average->tensors();
  if (division.is_divided()) {
    for (auto& [name, values] : checkpoint.average) values = values.clone();
  }
  return checkpoint;
}

void TrainState::share() {
  const World& world = division.world();
  if (world.is_alone()) return;
  whole().deliver();
  whole_.reset();
  share_average();
  if (probe_experts_lns.defined()) world.broadcast(probe_experts_lns);
  restore_counters(world.from_first(counters()), "rank 0");
}

void TrainState::share_average() {
  if (!average) return;
  const World& world = division.world();
  if (world.from_first(average->has_begun() ? "has begun" : "").empty()) return average->forget();
  if (!average->has_begun()) average->begin();
  for (const at::Tensor& buffer : average->buffers()) world.broadcast(buffer);
}

void TrainState::restore(const LoadedCheckpoint& loaded) {
  copy_named(loaded.checkpoint.model, whole().parameters().tensors(), loaded.folder + "/model.safetensors");
  NamedTensors saved = loaded.checkpoint.optimizer, own = optimizer_tensors(*this, whole());
  keep_in_both_or_neither("loss_scale", saved, own);
  keep_in_both_or_neither("router_load", saved, own);
  keep_in_both_or_neither("probe_experts", saved, own);
  copy_named(saved, own, loaded.folder + "/optimizer.safetensors");
  parameters.refresh_shadow();
  if (average) {
    average->forget();
    if (!loaded.checkpoint.average.empty()) {
      average->begin();
      copy_named(loaded.checkpoint.average, average->tensors(), loaded.folder + "/average.safetensors");
    }
  }
  restore_counters(loaded.checkpoint.state_json, loaded.folder);
  if (step == loaded.step) return;
  throw Error(ExitCode::kCheckpoint,
              got_want(loaded.folder + "/state.json", format("step %lld", static_cast<long long>(step)),
                       format("step %lld", static_cast<long long>(loaded.step)),
                       "remove this checkpoint to resume from an older one"));
}

}  // namespace mm
