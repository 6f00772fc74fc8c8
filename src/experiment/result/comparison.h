// What the runs of an experiment say of its variants. No torch.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "experiment/experiment_file.h"
#include "experiment/result/statistics.h"
#include "experiment/run_result.h"

namespace mm {

/// The runs of one variant, in the order of the seeds.
struct VariantResults {
  std::string name;
  std::vector<KeyValue> settings;  ///< that make it
  int64_t steps = 0;
  std::vector<RunResult> runs;
};

/// One row of the table. Intervals are over the seeds that are finished, at 95%.
struct ComparisonRow {
  std::string name;
  int64_t finished = 0, failed = 0, missing = 0;  ///< runs
  std::string failure;                            ///< of the first failed one
  Interval loss, bits_per_byte;                   ///< of the last validation
  std::vector<double> losses;                     ///< of each finished run
  Interval tokens_per_second;
  Interval seconds;                      ///< of all steps of a run
  int64_t dead_experts = 0, alarms = 0;  ///< in all runs together

  // Against the run of the base with the same seed; nothing for the base itself and without a pair.
  std::optional<Interval> difference;  ///< loss minus the base's
  std::optional<Interval> token_multiplier, second_multiplier;
};

/// The compute multiplier is how many times the tokens or seconds of this variant the base needs for the same loss:
/// where a run ends below the base's final loss, the base's total over what the run had used when it passed that loss;
/// where it ends above, what the base had used when it passed the run's final loss, over the run's total. Losses
/// between two validations are taken from the line between them. A run that passes a loss before its first validation
/// counts that one. Learning rates that fall to the end make both a careful guess: a shorter run would have had its own
/// end.
std::vector<ComparisonRow> compare(const std::vector<VariantResults>& variants, const std::string& compare_to);

}  // namespace mm
