// Walks through the epochs as the trainers do.
#include "train/replay/replay_plan.h"

#include "core/error.h"

namespace mm {

ReplayPlan::ReplayPlan(const ReplayRules& rules, const ReplaySettings& settings, ReplayPoint start)
    : micro_batches_per_epoch_((settings.rows + settings.batch_size - 1) / settings.batch_size) {
  const int64_t per_epoch = micro_batches_per_epoch_, total = settings.epochs * per_epoch;
  const auto accumulated = [&] { return micro_steps_.size() - (ends_.empty() ? 0 : ends_.back()); };
  for (int64_t epoch = start.epoch; epoch < settings.epochs; ++epoch) {
    const int64_t done = epoch == start.epoch ? start.step : 0;
    const int64_t skipped = done > 0 ? rules.skipped_on_resume : 0;
    for (int64_t batch = done + skipped; batch < per_epoch; ++batch) {
      // A batch passed over on resume is not counted: from there on a step has the number of the batch before.
      const int64_t step = batch - skipped + rules.first_step;
      micro_steps_.push_back(
          {.number = epoch * per_epoch + batch - skipped + 1,
           .epoch = epoch,
           .step = step,
           .batch = batch,
           .learning_rate = replay_learning_rate(rules, settings.learning_rate, epoch * per_epoch + step, total)});
      if ((step + rules.update_offset) % settings.accumulation == 0) ends_.push_back(micro_steps_.size());
    }
    if (rules.flushes && accumulated() > 0) ends_.push_back(micro_steps_.size());
  }
}

std::span<const ReplayMicroStep> ReplayPlan::of_update(int64_t update) const {
  require(update >= 0 && update < updates(), "an update of the plan");
  const auto index = static_cast<size_t>(update);
  const size_t begin = index == 0 ? 0 : ends_[index - 1];
  return std::span(micro_steps_).subspan(begin, ends_[index] - begin);
}

std::span<const ReplayMicroStep> ReplayPlan::lost() const {
  return std::span(micro_steps_).subspan(ends_.empty() ? 0 : ends_.back());
}

int64_t ReplayPlan::last_number(int64_t updates_done) const {
  return updates_done == 0 ? 0 : of_update(updates_done - 1).back().number;
}

}  // namespace mm
