#include "train/spike_watch.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <vector>

namespace mm {
namespace {

/// Least robust deviations: steps that hardly differ from each other make no spike of a small difference.
constexpr double kLeastLossDeviation = 0.02;  // nats
/// Norms of healthy steps have a long tail (of 2,000 steps of four sequences one was twelve times the median, 16 robust
/// deviations), and clipping takes care of them: with the default of 8 deviations, less than a hundred times is none.
constexpr double kLeastLogNormDeviation = 0.576;

double median(std::vector<double> values) {
  const auto middle = values.begin() + std::ssize(values) / 2;
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

double upper_limit(const std::deque<double>& values, double deviations, double least_deviation) {
  const double centre = median({values.begin(), values.end()});
  std::vector<double> distances;
  for (const double value : values) distances.push_back(std::abs(value - centre));
  return centre + deviations * std::max(1.4826 * median(std::move(distances)), least_deviation);
}

void push(std::deque<double>& values, double value, int64_t most) {
  values.push_back(value);
  if (std::ssize(values) > most) values.pop_front();
}

}  // namespace

StepLimits SpikeWatch::limits() const {
  if (2 * std::ssize(losses_) < config_.window) return {};
  return {.loss = upper_limit(losses_, config_.deviations, kLeastLossDeviation),
          .grad_norm = std::exp(upper_limit(log_norms_, config_.deviations, kLeastLogNormDeviation))};
}

StepLimits SpikeWatch::limits_of_updates() const {
  return config_.policy == "skip" || config_.policy == "roll_back" ? limits() : StepLimits();
}

void SpikeWatch::add(double loss, double grad_norm) {
  push(losses_, loss, config_.window);
  push(log_norms_, std::log(std::max(grad_norm, std::numeric_limits<double>::min())), config_.window);
}

std::string SpikeWatch::state() const {
  return nlohmann::json{{"losses", losses_}, {"log_norms", log_norms_}}.dump();
}

void SpikeWatch::restore(const std::string& state) {
  const nlohmann::json json = nlohmann::json::parse(state);
  losses_ = json.at("losses").get<std::deque<double>>();
  log_norms_ = json.at("log_norms").get<std::deque<double>>();
}

}  // namespace mm
