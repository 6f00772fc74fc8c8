// A checkpoint holds the master weights and router biases under their Hugging Face names, the optimizer's moments under
// the same names with a prefix, a few scalars and router loads as tensors, and the counters as JSON.
#include "train/train_state.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "checkpoint/named_access.h"
#include "core/error.h"
#include "core/hash.h"
#include "core/terminal/log.h"
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

/// JSON has no infinity: a loss that was never measured is null.
nlohmann::json loss_to_json(double loss) {
  return std::isfinite(loss) ? nlohmann::json(loss) : nlohmann::json(nullptr);
}

double loss_from_json(const nlohmann::json& value) {
  return value.is_null() ? std::numeric_limits<double>::infinity() : value.get<double>();
}

constexpr int64_t kVersion = 1;

void check_version(int64_t version, const std::string& folder) {
  if (version <= kVersion) return;
  throw Error(ExitCode::kCheckpoint,
              got_want(folder + "/state.json:version", std::to_string(version), "at most " + std::to_string(kVersion),
                       "use the version of the program that wrote it; nothing was changed"));
}

void check_data(const std::string& trained_on, uint64_t fingerprint, const std::string& folder) {
  if (trained_on == hex64(fingerprint)) return;
  throw Error(
      ExitCode::kData,
      got_want("data.train", "other text or tokens than " + folder + " was trained on", "the files as they were",
               "restore them, or start another run with --set run.name=<name> --set init.from=" + folder));
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

std::string TrainState::counters() const {
  nlohmann::ordered_json state;
  state["version"] = kVersion;
  state["step"] = step;
  state["tokens_total"] = tokens_total;
  state["data_position"] = loader.position();
  if (loader.groups() > 1) {
    const RunOrder::Visit& visit = loader.place().visit;
    state["data_visit"] = {{"number", visit.number}, {"begin", visit.begin}};
  }
  if (replay_start) state["replay_start"] = {{"epoch", replay_start->epoch}, {"step", replay_start->step}};
  state["data_fingerprint"] = hex64(data_fingerprint);
  state["alarms"] = nlohmann::ordered_json::parse(alarms.state());
  state["revived"] = nlohmann::json::array();
  for (const auto& [expert, when] : revived) state["revived"].push_back({expert.first, expert.second, when});
  state["best_loss"] = loss_to_json(best_loss);
  state["best_saved_loss"] = loss_to_json(best_saved_loss);
  state["best_saved_step"] = best_saved_step;
  state["validation_fingerprint"] = hex64(validation_fingerprint);
  state["skipped_in_a_row"] = skipped_in_a_row;
  if (watches_spikes) {
    state["spikes"] = nlohmann::ordered_json::parse(spikes.state());
    state["spikes_acted_on"] = spikes_acted_on;
    state["rate_factor"] = rate_factor;
  }
  state["duties_done"] = duties_done;
  if (ranks > 1) state["ranks"] = ranks;
  return state.dump(2) + "\n";
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

void TrainState::restore_counters(const std::string& json, const std::string& folder) {
  try {
    const auto state = nlohmann::json::parse(json);
    check_version(state.at("version").get<int64_t>(), folder);
    check_data(state.at("data_fingerprint").get<std::string>(), data_fingerprint, folder);
    step = state.at("step").get<int64_t>();
    tokens_total = state.at("tokens_total").get<int64_t>();
    const auto position = state.at("data_position").get<int64_t>();
    if (step < 0 || tokens_total < 0 || position < 0) {
      throw Error(ExitCode::kCheckpoint,
                  got_want(folder + "/state.json",
                           format("step %lld, %lld tokens, data position %lld", static_cast<long long>(step),
                                  static_cast<long long>(tokens_total), static_cast<long long>(position)),
                           "numbers from 0 up", "remove this checkpoint to resume from an older one"));
    }
    BatchLoader::Place place = {.position = position};
    if (state.contains("data_visit")) {
      const auto& visit = state["data_visit"];
      place.visit = {.number = visit.at("number").get<int64_t>(), .begin = visit.at("begin").get<int64_t>()};
    }
    loader.seek(place);
    if (replay_start) {
      const auto& start = state.at("replay_start");
      replay_start = {.epoch = start.at("epoch").get<int64_t>(), .step = start.at("step").get<int64_t>()};
    }
    // Checkpoints from before there were alarms have none.
    if (state.contains("alarms")) alarms.restore(state["alarms"].dump());
    if (state.contains("revived")) {
      revived.clear();
      for (const auto& row : state["revived"]) {
        revived[{row.at(0).get<int64_t>(), row.at(1).get<int64_t>()}] = row.at(2).get<int64_t>();
      }
    }
    if (watches_spikes && state.contains("spikes")) {
      spikes.restore(state["spikes"].dump());
      spikes_acted_on = state.at("spikes_acted_on").get<int64_t>();
      rate_factor = state.at("rate_factor").get<double>();
    }
    skipped_in_a_row = state.value("skipped_in_a_row", skipped_in_a_row);
    duties_done = state.value("duties_done", duties_done);
    ranks = state.value("ranks", int64_t{1});
    // Losses on other text say nothing of those to come.
    const std::string validated_on = state.value("validation_fingerprint", hex64(0));
    if (validated_on != hex64(0) && validated_on != hex64(validation_fingerprint)) {
      log_warning("the validation text is not what it was: the lowest validation loss is looked for anew");
      return;
    }
    best_loss = loss_from_json(state.at("best_loss"));
    best_saved_loss = loss_from_json(state.at("best_saved_loss"));
    best_saved_step = state.value("best_saved_step", best_saved_step);
  } catch (const nlohmann::json::exception& problem) {
    throw Error(ExitCode::kCheckpoint, got_want(folder + "/state.json", problem.what(), "the state of a run",
                                                "remove this checkpoint to resume from an older one"));
  }
}

namespace {

int64_t integer_of(const std::string& state_json, const char* key) {
  const auto state = nlohmann::json::parse(state_json, nullptr, /*allow_exceptions=*/false);
  if (!state.is_object() || !state.contains(key) || !state[key].is_number_integer()) return -1;
  return state[key].get<int64_t>();
}

}  // namespace

int64_t best_saved_step(const std::string& state_json) {
  return integer_of(state_json, "best_saved_step");
}

bool has_duties_left(const std::string& state_json) {
  return integer_of(state_json, "duties_done") >= 0;
}

}  // namespace mm
