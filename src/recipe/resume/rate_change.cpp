// Both schedules are asked for the same step.
#include "recipe/resume/rate_change.h"

#include <cmath>

#include "core/text.h"
#include "optim/schedule.h"

namespace mm {
namespace {

double rate_at(const RunConfig& config, int64_t step) {
  return config.optim.learning_rate * learning_rate_factor(step, *config.train.steps, config.schedule);
}

/// `cosine over 20 steps`
std::string schedule_in_words(const RunConfig& config) {
  return config.schedule.type + " over " + with_commas(*config.train.steps) + " steps";
}

}  // namespace

std::string explain_rate_change(const RunConfig& before, const RunConfig& now, int64_t step) {
  constexpr double kWorthAWord = 1.2;  // warm-up and decay change less from one step to the next
  const double last = rate_at(before, step - 1), next = rate_at(now, step);
  // Beyond its end a schedule has no rate: that of its last step is what the run would have gone on with.
  const double expected = rate_at(before, std::min(step, *before.train.steps - 1));
  const auto differ = [](double a, double b) { return a > kWorthAWord * b || b > kWorthAWord * a; };
  if (!differ(next, last) || !differ(next, expected)) return "";
  std::string text = format("the learning rate goes from %.2e at step %lld to %.2e at step %lld: %s before, %s now",
                            last, static_cast<long long>(step), next, static_cast<long long>(step + 1),
                            schedule_in_words(before).c_str(), schedule_in_words(now).c_str());
  if (now.schedule.type == "cosine" && next > last) {
    const auto decay = static_cast<int64_t>(before.schedule.decay_fraction * static_cast<double>(*before.train.steps));
    text += format(
        "\n  remedy: cosine decays over the whole run, so that a longer one begins to decay anew. With "
        "schedule.type=wsd it would have stayed at %.2e up to step %lld of %lld, from where a checkpoint can be "
        "trained on for any length",
        before.optim.learning_rate, static_cast<long long>(*before.train.steps - decay),
        static_cast<long long>(*before.train.steps));
  }
  return text;
}

}  // namespace mm
