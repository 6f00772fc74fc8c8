// What the folder of a run says of its result. No torch.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace mm {

/// One validation.
struct EvaluationPoint {
  int64_t step = 0;
  double tokens = 0;   ///< trained until then
  double seconds = 0;  ///< spent on steps until then
  double loss = 0;     ///< nats per token
  double bits_per_byte = 0;
};

struct RunResult {
  enum class State { kMissing, kBegun, kFinished, kFailed };
  State state = State::kMissing;
  int64_t step = 0;     ///< updates done, as far as they are recorded
  std::string failure;  ///< of a failed one: why
  std::vector<EvaluationPoint> evaluations;
  double tokens_per_second = 0;  ///< of the median step
  double seconds_per_step = 0;   ///< of the median step behind the first two
  int64_t dead_experts = 0;      ///< that an alarm stood for at the end
  int64_t alarms = 0;            ///< that were raised

  bool finished() const { return state == State::kFinished; }
  /// Of the last validation of a finished run.
  const EvaluationPoint& end() const { return evaluations.back(); }
};

/// Reads metrics.jsonl, timing.jsonl and failure.json of `folder`, which a run may be writing; a line that is no record
/// is left out. A run is finished when its last step is validated and saved.
///   steps  that it is to have
RunResult read_run_result(const std::string& folder, int64_t steps);

/// The last step that metrics.jsonl tells of, read from its end; 0 when there is none.
int64_t last_recorded_step(const std::string& folder);

/// Leaves failure.json in the folder of a run, or takes it away.
void write_failure(const std::string& folder, int exit_code, const std::string& message);
void remove_failure(const std::string& folder);

}  // namespace mm
