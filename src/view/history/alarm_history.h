// The alarms that a run raised, and how many stood behind each step.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "metrics/record.h"
#include "view/series.h"

namespace mm {

/// An alarm that the run raised.
struct RaisedAlarm {
  EventRecord event;               ///< as it was told when it was raised
  std::optional<int64_t> cleared;  ///< at which step; none: it stands
};

/// The alarms of one kind, or of all that have no group of their own.
struct AlarmGroup {
  std::string_view name;  ///< `dead` (alarm.h)
  std::string_view title;
  Series standing_at;  ///< how many stood behind each step
  int64_t raised = 0, standing = 0;
};

/// What the run said of its alarms; nothing is judged here.
class AlarmHistory {
 public:
  explicit AlarmHistory(int64_t most_buckets);

  /// In the order of the run. Only alarms that are raised and those that are cleared count.
  void add(const EventRecord& event);
  /// What was told of the alarms behind `step` has been added.
  void end_step(int64_t step);

  int64_t raised() const;  ///< all of them, whether kept or not
  /// In the order in which they were raised, at most 500. To stay within that, those that are over go first, and when
  /// all stand, the next ones are not kept.
  const std::vector<RaisedAlarm>& alarms() const { return alarms_; }
  const std::vector<AlarmGroup>& groups() const { return groups_; }

 private:
  AlarmGroup& group_of(std::string_view name);
  void keep(const EventRecord& event);
  void clear(const EventRecord& event);

  std::vector<RaisedAlarm> alarms_;
  std::vector<AlarmGroup> groups_;  ///< the last one is of all other kinds
};

}  // namespace mm
