// Conditions, patience, and memory.
#include "metrics/alarms/alarm_watch.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/json/ordered_json.h"
#include "core/text.h"
#include "metrics/load_statistics.h"

namespace mm {
namespace {

/// Loads further from even than this are a reason for the bias to move, whatever the rounding of its steps.
constexpr double kUneven = 1.1;

/// What is shorter is no reason to do anything: steps of a few milliseconds wait for a thread to wake up.
constexpr double kLeastDataSeconds = 0.01;

/// In the order of AlarmKind.
constexpr std::array kLoadKinds = {AlarmKind::kCollapse, AlarmKind::kBiasFrozen, AlarmKind::kDead, AlarmKind::kDying,
                                   AlarmKind::kOverSubscribed};
constexpr std::array kProbeKinds = {AlarmKind::kNoLmGradient, AlarmKind::kCopies};
constexpr std::array kFiniteKinds = {AlarmKind::kNonFinite};
constexpr std::array kLossKinds = {AlarmKind::kLossExplosion, AlarmKind::kLossSpike, AlarmKind::kLossWorse,
                                   AlarmKind::kLossStuck};
constexpr std::array kValidationKinds = {AlarmKind::kLossGap};
constexpr std::array kBalanceKinds = {AlarmKind::kBelowFloor};
constexpr std::array kTimeKinds = {AlarmKind::kSlowData};

bool is_of_load(AlarmKind kind) {
  return std::find(kLoadKinds.begin(), kLoadKinds.end(), kind) != kLoadKinds.end();
}

bool is_of_training_loss(AlarmKind kind) {
  return std::find(kLossKinds.begin(), kLossKinds.end(), kind) != kLossKinds.end();
}

/// What an alarm is judged by.
const char* unit_of_patience(AlarmKind kind) {
  if (std::find(kProbeKinds.begin(), kProbeKinds.end(), kind) != kProbeKinds.end()) return "measures";
  return "steps";
}

AlarmKind kind_of(ExpertTrouble trouble) {
  switch (trouble) {
    case ExpertTrouble::kDead:
      return AlarmKind::kDead;
    case ExpertTrouble::kDying:
      return AlarmKind::kDying;
    case ExpertTrouble::kOverSubscribed:
      return AlarmKind::kOverSubscribed;
  }
  return AlarmKind::kDead;
}

nlohmann::ordered_json optional_to_json(const std::optional<int64_t>& value) {
  return value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json(nullptr);
}

std::optional<int64_t> optional_from_json(const nlohmann::ordered_json& value) {
  return value.is_null() ? std::nullopt : std::optional(value.get<int64_t>());
}

}  // namespace

std::vector<EventRecord> AlarmWatch::observe(const StepRecord& record) {
  std::vector<EventRecord> events;
  if (!record.skipped) events = settle_loss(record.step, kLossKinds, loss_.observe(record.loss));
  Holding broken;
  if (record.non_finite) broken[{AlarmKind::kNonFinite, record.non_finite->layer, record.non_finite->expert, {}}] = 0;
  const std::vector<EventRecord> of_numbers = settle(record.step, record.load.experts, kFiniteKinds, broken);
  events.insert(events.end(), of_numbers.begin(), of_numbers.end());
  Holding slow;
  if (record.data_seconds > std::max(config_.slow_data_share * record.seconds, kLeastDataSeconds)) {
    slow[{AlarmKind::kSlowData, kWholeModel, {}, {}}] = record.data_seconds / record.seconds;
  }
  const std::vector<EventRecord> of_time = settle(record.step, record.load.experts, kTimeKinds, slow);
  events.insert(events.end(), of_time.begin(), of_time.end());
  if (record.skipped || record.load.empty()) return events;

  Holding balance;
  if (record.aux_loss < config_.aux_floor * record.aux_loss_floor) {
    balance[{AlarmKind::kBelowFloor, kWholeModel, {}, {}}] = record.aux_loss / record.aux_loss_floor;
  }
  for (const auto& [kinds, holding] : {std::pair(std::span<const AlarmKind>(kBalanceKinds), balance),
                                       std::pair(std::span<const AlarmKind>(kLoadKinds), judge_load(record))}) {
    const std::vector<EventRecord> settled = settle(record.step, record.load.experts, kinds, holding);
    events.insert(events.end(), settled.begin(), settled.end());
  }
  last_bias_ = record.router.bias;
  return events;
}

std::vector<EventRecord> AlarmWatch::observe(const RouterRecord& record) {
  Holding holding;
  for (size_t i = 0; i < static_cast<size_t>(record.layers); ++i) {
    const int64_t layer = record.first_layer + static_cast<int64_t>(i);
    if (record.gate_gradient_relative[i] < config_.gate_gradient) {
      holding[{AlarmKind::kNoLmGradient, layer, {}, {}}] = record.gate_gradient_relative[i];
    }
    if (record.experts > 1 && record.closest_cosine[i] > config_.copies_cosine) {
      holding[{AlarmKind::kCopies, layer, record.closest_experts[2 * i], record.closest_experts[2 * i + 1]}] =
          record.closest_cosine[i];
    }
  }
  return settle(record.step, record.experts, kProbeKinds, holding);
}

std::vector<EventRecord> AlarmWatch::observe(const EvaluationRecord& record) {
  return settle_loss(record.step, kValidationKinds, loss_.observe_validation(record.loss));
}

std::vector<EventRecord> AlarmWatch::settle_loss(int64_t step, std::span<const AlarmKind> kinds,
                                                 const LossWatch::Holding& holding) {
  Holding subjects;
  for (const auto& [kind, value] : holding) subjects[{kind, kWholeModel, {}, {}}] = value;
  return settle(step, /*experts=*/1, kinds, subjects);
}

AlarmWatch::Holding AlarmWatch::judge_load(const StepRecord& record) {
  const ExpertLoad& load = record.load;
  const LoadStatistics statistics = load_statistics(load);
  enough_tokens_ = enough_to_judge(load, 0, config_.load);

  Holding holding;
  for (int64_t row = 0; row < load.layers; ++row) {
    if (!enough_to_judge(load, row, config_.load)) continue;
    const int64_t layer = load.first_layer + row;
    const LayerLoadStatistics& of_layer = statistics.layers[static_cast<size_t>(row)];
    const double effective = std::exp(of_layer.entropy);
    if (effective < threshold(AlarmKind::kCollapse, load.experts)) {
      holding[{AlarmKind::kCollapse, layer, {}, {}}] = effective;
    }
    if (of_layer.max_over_mean > kUneven && bias_stood_still(record, row)) {
      holding[{AlarmKind::kBiasFrozen, layer, {}, {}}] = of_layer.max_over_mean;
    }
  }
  for (const ExpertAlarm& alarm : expert_alarms(load, statistics, config_.load)) {
    holding[{kind_of(alarm.trouble), alarm.layer, alarm.expert, {}}] = alarm.share;
    // A step without a token does not end the dying of an expert that gets a few.
    if (alarm.trouble == ExpertTrouble::kDead) holding[{AlarmKind::kDying, alarm.layer, alarm.expert, {}}] = 0;
  }
  return holding;
}

bool AlarmWatch::bias_stood_still(const StepRecord& record, int64_t row) const {
  const std::vector<double>& bias = record.router.bias;
  if (bias.empty() || bias.size() != last_bias_.size()) return false;
  const int64_t experts = record.load.experts;
  return std::equal(bias.begin() + row * experts, bias.begin() + (row + 1) * experts,
                    last_bias_.begin() + row * experts);
}

std::vector<EventRecord> AlarmWatch::settle(int64_t step, int64_t experts, std::span<const AlarmKind> kinds,
                                            const Holding& holding) {
  std::vector<EventRecord> events;
  const auto tell = [&](const AlarmSubject& subject, double value, bool raised) {
    EventRecord& event = events.emplace_back();
    event.step = step;
    event.type = raised ? "alarm" : "event";
    event.name = alarm_name(subject.kind);
    event.state = raised ? "raised" : "cleared";
    event.of_time = is_of_time(subject.kind);
    event.layer = subject.layer;
    event.expert = subject.expert;
    event.value = value;
    event.threshold = threshold(subject.kind, experts);
    if (raised) {
      event.text = alarm_sentence(subject, value, event.threshold, patience(subject.kind), experts);
      event.cause = alarm_cause(subject.kind);
      event.remedy = alarm_remedy(subject.kind);
    } else {
      event.text = alarm_in_short(subject) + ": no longer";
    }
  };

  for (const auto& [subject, value] : holding) {
    Streak& streak = streaks_[subject];
    streak.good = 0;
    ++streak.bad;
    if (streak.raised || streak.bad < patience(subject.kind) || explained(subject, holding)) continue;
    streak.raised = true;
    tell(subject, value, true);
  }
  for (auto entry = streaks_.begin(); entry != streaks_.end();) {
    auto& [subject, streak] = *entry;
    const bool judged = std::find(kinds.begin(), kinds.end(), subject.kind) != kinds.end();
    if (!judged || holding.contains(subject)) {
      ++entry;
      continue;
    }
    streak.bad = 0;
    if (streak.raised && ++streak.good >= patience(subject.kind)) {
      tell(subject, 0, false);
      streak.raised = false;
    }
    entry = streak.raised ? std::next(entry) : streaks_.erase(entry);
  }
  return events;
}

bool AlarmWatch::explained(const AlarmSubject& subject, const Holding& holding) const {
  const auto explains = [&](const AlarmSubject& other) {
    if (other.layer != subject.layer) return false;
    // A router that is certain of one expert is saturated: its probabilities hardly move with its logits.
    if (subject.kind == AlarmKind::kNoLmGradient) return other.kind == AlarmKind::kCollapse;
    if (is_of_training_loss(subject.kind)) return is_of_training_loss(other.kind) && other.kind < subject.kind;
    return is_of_load(subject.kind) && is_of_load(other.kind) && other.kind < subject.kind;
  };
  return std::any_of(holding.begin(), holding.end(), [&](const auto& entry) { return explains(entry.first); }) ||
         std::any_of(streaks_.begin(), streaks_.end(),
                     [&](const auto& entry) { return entry.second.raised && explains(entry.first); });
}

int64_t AlarmWatch::patience(AlarmKind kind) const {
  switch (kind) {
    case AlarmKind::kNonFinite:
    case AlarmKind::kLossExplosion:
      return 1;
    case AlarmKind::kLossSpike:
    case AlarmKind::kLossGap:
      return 2;
    case AlarmKind::kLossStuck:
      return config_.loss_patience;
    case AlarmKind::kNoLmGradient:
      return config_.gate_patience;
    case AlarmKind::kCopies:
      return config_.copies_patience;
    case AlarmKind::kLossWorse:
    case AlarmKind::kBelowFloor:
    case AlarmKind::kCollapse:
    case AlarmKind::kBiasFrozen:
    case AlarmKind::kDead:
    case AlarmKind::kDying:
    case AlarmKind::kOverSubscribed:
    case AlarmKind::kSlowData:
      break;
  }
  return config_.patience;
}

double AlarmWatch::threshold(AlarmKind kind, int64_t experts) const {
  const double fair_share = 1.0 / static_cast<double>(experts);
  switch (kind) {
    case AlarmKind::kNoLmGradient:
      return config_.gate_gradient;
    case AlarmKind::kBelowFloor:
      return config_.aux_floor;
    case AlarmKind::kCollapse: {
      const double least = config_.collapse_experts * static_cast<double>(top_k_);
      return least < static_cast<double>(experts) ? least : 0;
    }
    case AlarmKind::kBiasFrozen:
      return kUneven;
    case AlarmKind::kDying:
      return config_.load.dying_share * fair_share;
    case AlarmKind::kOverSubscribed:
      return config_.load.over_subscribed_share * fair_share;
    case AlarmKind::kCopies:
      return config_.copies_cosine;
    case AlarmKind::kLossExplosion:
    case AlarmKind::kLossSpike:
    case AlarmKind::kLossWorse:
    case AlarmKind::kLossStuck:
    case AlarmKind::kLossGap:
      return loss_.threshold(kind);
    case AlarmKind::kSlowData:
      return config_.slow_data_share;
    case AlarmKind::kNonFinite:
    case AlarmKind::kDead:
      break;
  }
  return 0;
}

std::vector<AlarmSubject> AlarmWatch::standing() const {
  std::vector<AlarmSubject> subjects;
  for (const auto& [subject, streak] : streaks_) {
    if (streak.raised) subjects.push_back(subject);
  }
  return subjects;
}

std::string AlarmWatch::watched() const {
  const AlarmSubject* worst = nullptr;
  int64_t count = 0, longest = 0;
  for (const auto& [subject, streak] : streaks_) {
    if (!is_of_routing(subject.kind) || (worst != nullptr && subject.kind != worst->kind)) break;
    if (worst == nullptr) worst = &subject;
    ++count;
    longest = std::max(longest, streak.bad);
  }
  if (worst == nullptr) return "";
  const std::string what = alarm_in_short(*worst);
  // `6 dead`, or whom it is about where that is one alone.
  const std::string_view in_short = std::string_view(what).substr(what.find_last_of("0123456789") + 2);
  return format("watching: %s for %lld of %lld %s",
                count == 1 ? what.c_str() : (std::to_string(count) + " " + std::string(in_short)).c_str(),
                static_cast<long long>(longest), static_cast<long long>(patience(worst->kind)),
                unit_of_patience(worst->kind));
}

std::string AlarmWatch::verdict() const {
  std::vector<AlarmSubject> alarms = standing();
  std::erase_if(alarms, [](const AlarmSubject& subject) { return !is_of_routing(subject.kind); });
  if (alarms.empty()) {
    const std::string on_watch = watched();
    if (!on_watch.empty()) return on_watch;
    return enough_tokens_ ? "ok" : "too few tokens to judge";
  }
  return alarm_in_short(alarms.front()) + (alarms.size() > 1 ? format(" (and %zu more)", alarms.size() - 1) : "");
}

std::string AlarmWatch::state() const {
  nlohmann::ordered_json streaks = nlohmann::ordered_json::array();
  for (const auto& [subject, streak] : streaks_) {
    if (is_of_time(subject.kind)) continue;
    streaks.push_back({alarm_name(subject.kind), subject.layer, optional_to_json(subject.expert),
                       optional_to_json(subject.other), streak.bad, streak.good, streak.raised});
  }
  return write_ordered_json({{"streaks", streaks},
                             {"last_bias", last_bias_},
                             {"enough_tokens", enough_tokens_},
                             {"loss", parse_ordered_json(loss_.state())}});
}

void AlarmWatch::restore(const std::string& state) {
  const auto saved = parse_ordered_json(state);
  std::map<AlarmSubject, Streak> streaks;
  for (const auto& row : saved.at("streaks")) {
    const std::optional<AlarmKind> kind = alarm_kind(row.at(0).get<std::string>());
    if (!kind) continue;
    const AlarmSubject subject{*kind, row.at(1).get<int64_t>(), optional_from_json(row.at(2)),
                               optional_from_json(row.at(3))};
    streaks[subject] = {row.at(4).get<int64_t>(), row.at(5).get<int64_t>(), row.at(6).get<bool>()};
  }
  // Checkpoints from before the loss was watched have nothing of it.
  if (saved.contains("loss")) loss_.restore(write_ordered_json(saved["loss"]));
  last_bias_ = saved.at("last_bias").get<std::vector<double>>();
  enough_tokens_ = saved.at("enough_tokens").get<bool>();
  streaks_ = std::move(streaks);
}

}  // namespace mm
