// Alarms are matched with their ends.
#include "view/history/alarm_history.h"

#include <algorithm>
#include <numeric>

#include "metrics/alarms/alarm.h"

namespace mm {

AlarmHistory::AlarmHistory(int64_t most_buckets) {
  const auto add = [&](std::string_view name, std::string_view title) {
    groups_.push_back({.name = name, .title = title, .standing_at = Series(most_buckets)});
  };
  add(alarm_name(AlarmKind::kDead), "dead");
  add(alarm_name(AlarmKind::kDying), "dying");
  add(alarm_name(AlarmKind::kOverSubscribed), "over-subscribed");
  add("", "other");
}

AlarmGroup& AlarmHistory::group_of(std::string_view name) {
  return *std::find_if(groups_.begin(), groups_.end() - 1, [&](const AlarmGroup& group) { return group.name == name; });
}

void AlarmHistory::add(const EventRecord& event) {
  AlarmGroup& group = group_of(event.name);
  if (event.type == "alarm") {
    ++group.raised;
    ++group.standing;
    keep(event);
  } else if (event.state == "cleared") {
    // A file that was edited may clear what was never raised.
    group.standing = std::max<int64_t>(0, group.standing - 1);
    clear(event);
  }
}

void AlarmHistory::keep(const EventRecord& event) {
  constexpr size_t kMost = 500;
  if (alarms_.size() == kMost) {
    const auto over = std::find_if(alarms_.begin(), alarms_.end(), [](const auto& alarm) { return alarm.cleared; });
    if (over == alarms_.end()) return;
    alarms_.erase(over);
  }
  alarms_.push_back({event, {}});
}

void AlarmHistory::clear(const EventRecord& event) {
  // Two pairs of copies may begin with the same expert; the older one ends first.
  const auto stands = [&](const RaisedAlarm& alarm) {
    const EventRecord& raised = alarm.event;
    return !alarm.cleared && raised.name == event.name && raised.layer == event.layer && raised.expert == event.expert;
  };
  const auto found = std::find_if(alarms_.begin(), alarms_.end(), stands);
  if (found != alarms_.end()) found->cleared = event.step;
}

void AlarmHistory::end_step(int64_t step) {
  for (AlarmGroup& group : groups_) group.standing_at.add(step, static_cast<double>(group.standing));
}

int64_t AlarmHistory::raised() const {
  return std::accumulate(groups_.begin(), groups_.end(), int64_t{0},
                         [](int64_t sum, const AlarmGroup& group) { return sum + group.raised; });
}

}  // namespace mm
