// Thresholds in nats are wide: a healthy loss is noisy, and a false alarm costs more trust than a late one.
#include "metrics/alarms/loss_watch.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace mm {
namespace {

constexpr double kWeight = 1.0 / 32;     // of the newest step
constexpr int64_t kStartSteps = 16;      // make the loss at the start
constexpr int64_t kStepsToJudge = 64;    // before there is a trend to leave
constexpr double kLeastSpike = 0.3;      // nats, however quiet the loss was
constexpr double kAboveGuessing = 1.0;   // first weights may be that much worse than a guess
constexpr double kNearGuessing = 0.2;    // nothing worth the name has been learned
constexpr double kWorseThanStart = 0.5;  // nats
constexpr double kAboveBestValidation = 0.05;

}  // namespace

LossWatch::LossWatch(const AlarmConfig& config, int64_t vocab_size)
    : spike_deviations_(config.loss_spike),
      gap_(config.loss_gap),
      guessing_(vocab_size > 1 ? std::log(static_cast<double>(vocab_size)) : 0) {}

LossWatch::Holding LossWatch::observe(double loss) {
  if (!std::isfinite(loss)) return {};
  Holding holding;
  const bool has_trend = steps_ >= kStepsToJudge;
  const double spike = threshold(AlarmKind::kLossSpike);
  if (has_trend && loss > spike) holding[AlarmKind::kLossSpike] = loss;
  has_learned_ = has_learned_ || (guessing_ > 0 && loss < guessing_);
  if (has_learned_ && loss > threshold(AlarmKind::kLossExplosion)) holding[AlarmKind::kLossExplosion] = loss;
  learn(has_trend ? std::min(loss, spike) : loss);
  if (steps_ > kStepsToJudge && mean_ > threshold(AlarmKind::kLossWorse)) holding[AlarmKind::kLossWorse] = mean_;
  if (guessing_ > 0 && mean_ > threshold(AlarmKind::kLossStuck)) holding[AlarmKind::kLossStuck] = mean_;
  return holding;
}

LossWatch::Holding LossWatch::observe_validation(double loss) {
  if (!std::isfinite(loss)) return {};
  Holding holding;
  // Text of another kind has another loss from the start: only a validation loss that rises is a reason to look.
  const bool rises = evaluations_ > 0 && loss > best_validation_ + kAboveBestValidation;
  if (rises && steps_ >= kStepsToJudge && loss - mean_ > gap_) holding[AlarmKind::kLossGap] = loss - mean_;
  best_validation_ = evaluations_ == 0 ? loss : std::min(best_validation_, loss);
  ++evaluations_;
  return holding;
}

double LossWatch::threshold(AlarmKind kind) const {
  switch (kind) {
    case AlarmKind::kLossExplosion:
      return guessing_ + kAboveGuessing;
    case AlarmKind::kLossSpike:
      return mean_ + std::max(spike_deviations_ * deviation(), kLeastSpike);
    case AlarmKind::kLossWorse:
      return start_ + kWorseThanStart;
    case AlarmKind::kLossStuck:
      return guessing_ - kNearGuessing;
    case AlarmKind::kLossGap:
      return gap_;
    default:
      return 0;
  }
}

double LossWatch::deviation() const {
  return std::sqrt(variance_);
}

void LossWatch::learn(double loss) {
  ++steps_;
  if (steps_ <= kStartSteps) start_ += (loss - start_) / static_cast<double>(steps_);
  // A plain mean at first: nothing is biased towards the first value.
  const double weight = std::max(kWeight, 1.0 / static_cast<double>(steps_));
  mean_ += weight * (loss - mean_);
  // From one step to the next the trend hardly counts (von Neumann 1941).
  const double difference = steps_ > 1 ? loss - last_ : 0;
  variance_ += weight * (difference * difference / 2 - variance_);
  last_ = loss;
}

std::string LossWatch::state() const {
  return nlohmann::ordered_json{{"steps", steps_},
                                {"mean", mean_},
                                {"variance", variance_},
                                {"last", last_},
                                {"start", start_},
                                {"has_learned", has_learned_},
                                {"best_validation", best_validation_},
                                {"evaluations", evaluations_}}
      .dump();
}

void LossWatch::restore(const std::string& state) {
  const auto saved = nlohmann::json::parse(state);
  steps_ = saved.at("steps").get<int64_t>();
  mean_ = saved.at("mean").get<double>();
  variance_ = saved.at("variance").get<double>();
  last_ = saved.at("last").get<double>();
  start_ = saved.at("start").get<double>();
  has_learned_ = saved.at("has_learned").get<bool>();
  best_validation_ = saved.at("best_validation").get<double>();
  evaluations_ = saved.at("evaluations").get<int64_t>();
}

}  // namespace mm
