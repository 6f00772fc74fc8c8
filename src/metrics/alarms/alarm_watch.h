// Watches the numbers of the routers and says when something has gone wrong, and when it is well again.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "metrics/alarms/alarm.h"
#include "metrics/alarms/alarm_config.h"
#include "metrics/alarms/loss_watch.h"
#include "metrics/record.h"

namespace mm {

/// An alarm is raised when its condition has held `patience` times in a row, and cleared when it has not held as often
/// in a row; what is not finite is told at once. While something holds or stands that is wrong with the load of a layer
/// (collapse, bias frozen, dead, dying, over-subscribed: worst first), nothing milder is raised there: it follows from
/// that; and so does the missing gradient of a gate in a layer that collapsed. Of the training loss, too, only the
/// worst is raised.
class AlarmWatch {
 public:
  ///   top_k       num_experts_per_tok
  ///   vocab_size  of the model: what guessing costs; 0: the loss is not judged by that
  AlarmWatch(const AlarmConfig& config, int64_t top_k, int64_t vocab_size = 0)
      : config_(config), top_k_(top_k), loss_(config, vocab_size) {}

  /// Judges the loss, the balancing loss, the load and the bias, and how long the step waited for its text; of a
  /// skipped step only the latter, and whether it was finite.
  std::vector<EventRecord> observe(const StepRecord& record);
  /// Judges the validation loss beside the training loss.
  std::vector<EventRecord> observe(const EvaluationRecord& record);
  /// Judges the gradient of the gates and the likeness of the experts.
  std::vector<EventRecord> observe(const RouterRecord& record);

  /// The alarms that stand, worst first.
  std::vector<AlarmSubject> standing() const;
  /// On the routers: the worst alarm that stands, `layer 3 expert 2 dead (and 4 more)`; else what may become one,
  /// `watching: 6 dead for 4 of 20 steps`; else `ok` or `too few tokens to judge`.
  std::string verdict() const;

  /// Everything it remembers but what is of time, as JSON: a watch that is restored to it goes on as this one would.
  std::string state() const;
  /// Throws nlohmann::json::exception when it is none.
  void restore(const std::string& state);

 private:
  struct Streak {
    int64_t bad = 0;   ///< observations in a row
    int64_t good = 0;  ///< likewise, of a raised alarm
    bool raised = false;
  };
  using Holding = std::map<AlarmSubject, double>;  ///< what holds now, with its value

  Holding judge_load(const StepRecord& record);
  std::vector<EventRecord> settle_loss(int64_t step, std::span<const AlarmKind> kinds,
                                       const LossWatch::Holding& holding);
  std::string watched() const;
  bool bias_stood_still(const StepRecord& record, int64_t row) const;
  /// Counts one observation of `kinds`; `experts` is for the sentences.
  std::vector<EventRecord> settle(int64_t step, int64_t experts, std::span<const AlarmKind> kinds,
                                  const Holding& holding);
  /// Whether something that this follows from holds now, or stands as an alarm, in the same layer.
  bool explained(const AlarmSubject& subject, const Holding& holding) const;
  int64_t patience(AlarmKind kind) const;
  double threshold(AlarmKind kind, int64_t experts) const;

  AlarmConfig config_;
  int64_t top_k_;
  LossWatch loss_;
  std::map<AlarmSubject, Streak> streaks_;
  std::vector<double> last_bias_;
  bool enough_tokens_ = true;
};

}  // namespace mm
