// What MiniMind's trainers did differently from each other: one row a generation. No torch.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "data/windows/padded_dataset.h"

namespace mm {

/// A pretraining script on one device. What all of them share: batches are consecutive groups of the order, the last
/// short one is kept; the loss of a micro-batch is a mean over its own targets, plus the balancing loss, divided by the
/// accumulation whatever is accumulated; the learning rate is set for every micro-step.
struct ReplayRules {
  std::string_view name;
  RowFormat rows;
  bool shuffled = false;  ///< by MT19937(42 + epoch), else in the order of the file
  /// The learning rate is lr / 10 + lr / 2 (1 + cos), which starts at 1.1 lr; else lr (0.1 + 0.45 (1 + cos)).
  bool tenth_on_top = false;
  int64_t first_step = 1;         ///< of an epoch
  int64_t update_offset = 0;      ///< an update follows where (step + update_offset) % accumulation is 0
  bool flushes = false;           ///< what an epoch leaves over makes an update; else the next epoch adds to it
  int64_t skipped_on_resume = 0;  ///< batches that a resumed epoch passes over without training on them
  double weight_decay = 0.01;     ///< that its script gives AdamW
};

/// Where a run goes on that Python began: the `epoch` and `step` of its `_resume.pth`. Accumulated gradients are not
/// in that file, so a group of micro-steps that it cut in two loses its first part, as it did in Python.
struct ReplayPoint {
  int64_t epoch = 0;
  int64_t step = 0;  ///< micro-steps done in that epoch
};

/// The names of all rows.
std::vector<std::string_view> replay_names();

/// The row `name`, which is one of replay_names().
const ReplayRules& replay_rules(std::string_view name);

/// The learning rate `t` micro-steps into a run of `total`.
double replay_learning_rate(const ReplayRules& rules, double base, int64_t t, int64_t total);

}  // namespace mm
