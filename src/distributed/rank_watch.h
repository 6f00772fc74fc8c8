// Noticing that a rank of the world no longer gets on, and ending all of them with its exit code.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "distributed/failure.h"
#include "distributed/meeting_point.h"
#include "distributed/placement.h"

namespace mm {

/// Each rank tells the others once a moment that it lives, whether its work goes on (core/alive.h) or waits for them,
/// and how many times it has waited. Whoever stays silent, or neither works nor waits, for the limit is the failure of
/// all: every process ends with its exit code, rank 0 with a line in the log. So does every failure that is reported.
///
/// Time in which this process was stopped does not count against the others.
class RankWatch {
 public:
  /// The world is complete. `place` outlives it.
  RankWatch(const Placement& place, std::vector<std::string> hosts, std::chrono::seconds limit);
  ~RankWatch();
  RankWatch(const RankWatch&) = delete;
  RankWatch& operator=(const RankWatch&) = delete;

  /// Around everything that waits for other ranks.
  class Waiting {
   public:
    explicit Waiting(RankWatch& watch) : watch_(watch) {
      ++watch_.waits_;
      watch_.is_waiting_ = true;
    }
    ~Waiting() { watch_.is_waiting_ = false; }
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;

   private:
    RankWatch& watch_;
  };

  /// A connection to some rank broke: whoever is silent now counts as gone after a moment. Does not return where the
  /// reason is found; else when that moment has passed.
  void connection_broke();

  /// Tells all that this rank ends with an error, and waits a moment for them to know. Returns whether they do:
  /// then rank 0 has told of it. Does not return where another failure came first, which ends this process, too.
  ///   mine  the connection of the calling thread
  bool report(MeetingPoint& mine, ExitCode code, const std::string& message);

  /// From now on a request to stop is the trainer's. Before, it ends all ranks.
  void training_begins() { is_training_ = true; }

 private:
  using Clock = std::chrono::steady_clock;

  /// What was heard of a rank.
  struct Pulse {
    uint64_t beats = 0, life = 0, waits = 0;
    bool waiting = false;
    std::string doing;
    Clock::duration silent{}, stuck{};  ///< for how long there was no beat, and neither work nor waiting
  };

  void beat();
  /// Watches over the connection that beat() may be stuck in.
  void watch_connection();
  std::string own_pulse(uint64_t beats) const;
  void listen(int64_t rank, const std::string& text, Clock::duration passed);
  /// Who is to blame, if somebody is.
  std::optional<Failure> judge(Clock::duration passed);
  std::string name_of(int64_t rank) const;
  Failure noticed(int64_t rank, const std::string& got) const;
  void heed(const Failure& failure);
  [[noreturn]] void end_process(const Failure& failure);
  bool wait_until_heard(MeetingPoint& mine) const;
  bool wait_or_over(Clock::duration period);

  const Placement& place_;
  const std::vector<std::string> hosts_;
  const std::chrono::seconds limit_;
  MeetingPoint meeting_;
  std::map<int64_t, Pulse> pulses_;
  Clock::duration all_wait_{};  ///< for how long nobody worked or began to wait
  uint64_t all_waits_ = 0;
  std::atomic<bool> is_waiting_{false}, is_training_{false}, broke_{false}, ends_{false};
  std::atomic<bool> has_reported_{false};  ///< what ends all: whoever leaves now is not to blame
  std::atomic<uint64_t> waits_{0};
  std::atomic<uint64_t> rounds_{0};  ///< of beat()
  std::mutex mutex_;
  std::condition_variable over_;
  bool is_over_ = false;
  std::thread beating_, watching_;
};

}  // namespace mm
