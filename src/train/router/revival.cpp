// Who is revived, and how. An expert that takes over the busiest one's gate row shares its tokens from the next step
// on.
#include "train/router/revival.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <set>

#include "core/random.h"
#include "core/text.h"
#include "metrics/alarms/expert_alarms.h"
#include "model/moe/moe_views.h"

namespace mm {
namespace {

/// An expert that is to share the work of the busiest one of its layer, which has its number in the model.
struct Patient {
  int64_t layer = 0, expert = 0, busiest = 0;
};

int64_t busiest_expert(const ExpertLoad& load, int64_t layer) {
  const auto first = load.tokens.begin() + (layer - load.first_layer) * load.experts;
  return std::max_element(first, first + load.experts) - first;
}

/// The experts that the alarms are about; of a collapsed layer, those that starve.
std::set<std::pair<int64_t, int64_t>> starving_experts(const std::vector<AlarmSubject>& standing,
                                                       const ExpertLoad& load, const LoadThresholds& thresholds) {
  std::set<std::pair<int64_t, int64_t>> starving;
  const std::vector<ExpertAlarm> now = expert_alarms(load, load_statistics(load), thresholds);
  for (const AlarmSubject& subject : standing) {
    for (const ExpertAlarm& alarm : now) {
      if (alarm.layer != subject.layer || alarm.trouble == ExpertTrouble::kOverSubscribed) continue;
      const bool dead = subject.kind == AlarmKind::kDead && subject.expert == alarm.expert;
      if (dead || subject.kind == AlarmKind::kCollapse) starving.emplace(alarm.layer, alarm.expert);
    }
  }
  return starving;
}

/// The patient's row of `master_ep`, a part of the flat buffer, becomes that of the busiest expert with noise relative
/// to its root mean square; what the optimizer remembers of it starts anew.
void take_over(const at::Tensor& master_ep, const Patient& patient, double noise, at::Generator& generator,
               Optimizer& optimizer) {
  const at::Tensor source_p = master_ep.select(0, patient.busiest);
  const at::Tensor random_p =
      at::empty({source_p.size(0)}, at::TensorOptions().dtype(at::kFloat)).normal_(0, 1, generator);
  const at::Tensor scale = source_p.square().mean().sqrt() * noise;
  const at::Tensor patient_p = master_ep.select(0, patient.expert);
  patient_p.copy_(source_p + scale * random_p.to(source_p.device()));
  optimizer.forget({patient_p.storage_offset(), patient_p.storage_offset() + patient_p.numel()});
}

void revive(const Patient& patient, const RunConfig& config, TrainState& state) {
  const RevivalConfig& revival = config.revival;
  if (revival.method == "bias") {
    const at::Tensor& bias_le = state.parameters.router_state().bias_le;
    const int64_t row = patient.layer - config.model.moe.first_k_dense_replace;
    bias_le.select(0, row).select(0, patient.expert).add_(revival.boost);
    return;
  }
  const auto index = static_cast<uint64_t>(
      (state.step * config.model.num_hidden_layers + patient.layer) * config.model.moe.num_experts + patient.expert);
  auto generator =
      at::detail::createCPUGenerator(derive_seed(static_cast<uint64_t>(config.run.seed), "revival", index));
  const MoeViews weights = moe_views(config.model, state.parameters.layout(), state.parameters.master(), patient.layer);
  const auto take = [&](const at::Tensor& master_ep) {
    take_over(master_ep, patient, revival.noise, generator, *state.optimizer);
  };
  take(weights.gate_rows());
  if (revival.method != "reseed") return;
  take(weights.experts_gate_up);
  take(weights.experts_down);
}

std::string description(const Patient& patient, const RevivalConfig& revival) {
  const auto busiest = static_cast<long long>(patient.busiest);
  const std::string who = format("layer %lld: expert %lld revived: ", static_cast<long long>(patient.layer),
                                 static_cast<long long>(patient.expert));
  if (revival.method == "bias") return who + format("router bias raised by %g", revival.boost);
  return who + format(revival.method == "gate" ? "gate row of expert %lld with noise %g, its moments cleared"
                                               : "gate row and weights of expert %lld with noise %g, moments cleared",
                      busiest, revival.noise);
}

}  // namespace

std::vector<EventRecord> revive_experts(const std::vector<AlarmSubject>& standing, const StepRecord& record,
                                        const RunConfig& config, TrainState& state) {
  const at::NoGradGuard no_gradients;
  std::vector<EventRecord> events;
  if (config.revival.method == "none" || record.skipped) return events;
  for (const auto& [layer, expert] : starving_experts(standing, record.load, config.alarms.load)) {
    const auto last = state.revived.find({layer, expert});
    if (last != state.revived.end() && state.step - last->second < config.revival.cooldown) continue;
    state.revived[{layer, expert}] = state.step;
    const Patient patient{layer, expert, busiest_expert(record.load, layer)};
    revive(patient, config, state);
    EventRecord& event = events.emplace_back();
    event.step = state.step;
    event.type = "event";
    event.name = "revival";
    event.state = "done";
    event.layer = layer;
    event.expert = expert;
    event.text = description(patient, config.revival);
  }
  if (!events.empty()) state.parameters.refresh_shadow();
  return events;
}

}  // namespace mm
