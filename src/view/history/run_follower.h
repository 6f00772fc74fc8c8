// The records of a run that may be training, as it writes them.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>
#include <vector>

#include "metrics/record.h"

namespace mm {

/// The whole lines that a growing file has got since it was looked at last.
class NewLines {
 public:
  explicit NewLines(std::string path) : path_(std::move(path)) {}

  /// Appends them to `lines`. False when the file was cut back, behind what had been read: then nothing is appended,
  /// and the next call begins at its start. A file that is not there has no lines.
  bool read(std::deque<std::string>& lines);

 private:
  std::string path_;
  size_t read_ = 0;   ///< bytes
  std::string rest_;  ///< of a line without its end
};

class RunFollower {
 public:
  /// Throws Error(kData) where there is no such folder.
  explicit RunFollower(std::string folder);

  /// Tells `sink` of the steps, alarms, evaluations and samples that the run has written since the last call, as the
  /// run's own sinks were told of them. False when the run went back behind what has been told: the next call tells
  /// everything from its first step on. Lines that are no record are passed over.
  bool tell(MetricSink& sink);

 private:
  void read_timing();
  bool tell_line(const std::string& text, MetricSink& sink);
  bool note_alarm(const nlohmann::json& line);
  std::vector<EventRecord> take_events_of_time(int64_t step);
  void begin_anew();

  std::string folder_;
  int64_t total_steps_ = 0;
  NewLines metrics_, timing_;
  std::deque<std::string> lines_;
  std::map<int64_t, std::string> timings_;  ///< lines of steps that were not told yet
  std::deque<std::string> events_of_time_;  ///< lines of timing.jsonl that were not told yet
  int64_t waited_for_ = 0;                  ///< a step whose timing was not there at the call before
  int64_t told_step_ = 0;
  std::set<std::string> standing_;  ///< alarms, in short
};

}  // namespace mm
