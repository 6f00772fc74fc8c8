// Keeps the order of one epoch at a time.
#include "train/replay/replay.h"

#include <algorithm>

#include "core/error.h"
#include "core/text.h"
#include "data/windows/randperm.h"

namespace mm {
namespace {

constexpr int64_t kOrderSeed = 42;

}  // namespace

Replay::Replay(const RunConfig& config, int64_t rows, ReplayPoint start)
    : rules_(replay_rules(config.compat.trainer)),
      rows_(rows),
      batch_size_(config.train.micro_batch),
      plan_(rules_,
            {.rows = rows,
             .batch_size = batch_size_,
             .accumulation = config.train.accumulation,
             .epochs = config.compat.epochs,
             .learning_rate = config.optim.learning_rate},
            start) {
  if (plan_.updates() > 0) return;
  throw Error(ExitCode::kData,
              got_want("data.train",
                       with_commas(rows) + " rows from epoch " + std::to_string(start.epoch) + ", step " +
                           std::to_string(start.step) + " on, which make no update",
                       "enough for one", "lower train.micro_batch or train.accumulation, or raise compat.epochs"));
}

std::vector<int64_t> Replay::rows_of(const ReplayMicroStep& micro_step) {
  if (rules_.shuffled && shuffled_epoch_ != micro_step.epoch) {
    order_ = randperm(rows_, static_cast<uint32_t>(kOrderSeed + micro_step.epoch));
    shuffled_epoch_ = micro_step.epoch;
  }
  std::vector<int64_t> rows;
  const int64_t begin = micro_step.batch * batch_size_, end = std::min(begin + batch_size_, rows_);
  for (int64_t i = begin; i < end; ++i) rows.push_back(rules_.shuffled ? order_[static_cast<size_t>(i)] : i);
  return rows;
}

void Replay::describe(StepRecord& record) {
  const std::span<const ReplayMicroStep> updating = plan_.of_update(record.step - 1), lost = plan_.lost();
  record.micro_batches = std::ssize(updating);
  for (size_t i = 0; i < record.micro_steps.size(); ++i) {
    const ReplayMicroStep& micro_step = i < updating.size() ? updating[i] : lost[i - updating.size()];
    MicroStepRecord& described = record.micro_steps[i];
    described.number = micro_step.number;
    described.epoch = micro_step.epoch;
    described.step = micro_step.step;
    described.learning_rate = micro_step.learning_rate;
    described.rows = rows_of(micro_step);
  }
}

}  // namespace mm
