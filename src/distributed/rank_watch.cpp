// One thread talks to the store, another one sees to it that the store answers.
#include "distributed/rank_watch.h"

#include <unistd.h>

#include <algorithm>
#include <sstream>

#include "core/alive.h"
#include "core/process/stop_signal.h"
#include "core/terminal/log.h"
#include "core/text.h"

namespace mm {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kPeriod{250};
/// A rank that is alive is heard of within that time, whatever it is at.
constexpr seconds kMoment{3};
constexpr const char* kFailure = "failure";
constexpr const char* kHeard = "heard";

std::string key_of(int64_t rank) {
  return "beat/" + std::to_string(rank);
}

double in_seconds(std::chrono::steady_clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

RankWatch::RankWatch(const Placement& place, std::vector<std::string> hosts, seconds limit)
    : place_(place), hosts_(std::move(hosts)), limit_(limit), meeting_(place, /*opens=*/false, limit) {
  for (int64_t rank = 0; rank < place_.size; ++rank) pulses_[rank] = {};
  beating_ = std::thread([this] { beat(); });
  watching_ = std::thread([this] { watch_connection(); });
}

RankWatch::~RankWatch() {
  {
    const std::lock_guard lock(mutex_);
    is_over_ = true;
  }
  over_.notify_all();
  beating_.join();
  watching_.join();
}

bool RankWatch::wait_or_over(Clock::duration period) {
  std::unique_lock lock(mutex_);
  return over_.wait_for(lock, period, [&] { return is_over_; });
}

std::string RankWatch::own_pulse(uint64_t beats) const {
  const SignOfLife life = last_sign_of_life();
  return std::to_string(beats) + " " + std::to_string(life.number) + " " + std::to_string(waits_) + " " +
         (is_waiting_ ? "1 " : "0 ") + life.doing;
}

void RankWatch::beat() {
  Clock::time_point before = Clock::now();
  uint64_t beats = 0;
  try {
    do {
      // Whoever was stopped for longer than a period was not the only one.
      const Clock::time_point now = Clock::now();
      const Clock::duration passed = std::min<Clock::duration>(now - before, 2 * kPeriod);
      before = now;
      if (is_waiting_) still_going();  // for the watchdog of this process
      meeting_.set(key_of(place_.rank), own_pulse(++beats));
      if (const auto reported = meeting_.get(kFailure)) heed(Failure::unpacked(*reported));
      for (const auto& [rank, pulse] : pulses_) {
        listen(rank, meeting_.get(key_of(rank)).value_or(""), passed);
      }
      std::optional<Failure> failure = judge(passed);
      if (!is_training_ && is_stop_pending()) {
        failure = {.rank = place_.rank,
                   .code = ExitCode::kStopped,
                   .host = hosts_[static_cast<size_t>(place_.rank)],
                   .message = name_of(place_.rank) + ": stopped before the first step; the same command starts again",
                   .noticed = true};
      }
      if (failure) heed(Failure::unpacked(meeting_.set_first(kFailure, failure->packed())));
      ++rounds_;
    } while (!wait_or_over(kPeriod));
  } catch (const std::exception& problem) {
    if (has_reported_ || wait_or_over(Clock::duration::zero())) return;
    end_process(noticed(0, "a broken connection to it"));
  }
}

void RankWatch::watch_connection() {
  uint64_t seen = 0;
  Clock::duration silent{};
  for (Clock::time_point before = Clock::now(); !wait_or_over(kPeriod);) {
    const Clock::time_point now = Clock::now();
    const Clock::duration passed = std::min<Clock::duration>(now - before, 2 * kPeriod);
    before = now;
    silent = rounds_ == seen ? silent + passed : Clock::duration::zero();
    seen = rounds_;
    if (silent >= limit_) end_process(noticed(0, format("%.0f seconds without an answer", in_seconds(silent))));
  }
}

void RankWatch::listen(int64_t rank, const std::string& text, Clock::duration passed) {
  std::istringstream words(text);
  Pulse now;
  words >> now.beats >> now.life >> now.waits >> now.waiting;
  words.ignore();
  std::getline(words, now.doing);
  const Pulse& before = pulses_[rank];
  if (now.beats == before.beats) now.silent = before.silent + passed;
  if (!now.waiting && now.life == before.life && now.waits == before.waits) now.stuck = before.stuck + passed;
  pulses_[rank] = now;
}

std::optional<Failure> RankWatch::judge(Clock::duration passed) {
  const Clock::duration most_silent = broke_ ? std::min<Clock::duration>(limit_, kMoment) : Clock::duration(limit_);
  bool all_wait = true;
  uint64_t waits = 0;
  int64_t last = 0;
  for (const auto& [rank, pulse] : pulses_) {
    if (rank != place_.rank && pulse.silent >= most_silent) {
      return noticed(rank, format("%.0f seconds without a sign of life", in_seconds(pulse.silent)));
    }
    if (pulse.stuck >= limit_) {
      return noticed(rank,
                     format("%.0f seconds without getting on, in %s", in_seconds(pulse.stuck), pulse.doing.c_str()));
    }
    all_wait = all_wait && pulse.waiting;
    waits += pulse.waits;
    if (pulse.waits < pulses_[last].waits) last = rank;
  }
  all_wait_ = all_wait && waits == all_waits_ ? all_wait_ + passed : Clock::duration::zero();
  all_waits_ = waits;
  if (all_wait_ < 2 * limit_) return {};
  return noticed(last, format("%.0f seconds in which all ranks waited for each other", in_seconds(all_wait_)));
}

std::string RankWatch::name_of(int64_t rank) const {
  return format("rank %lld on host %s", static_cast<long long>(rank), hosts_[static_cast<size_t>(rank)].c_str());
}

Failure RankWatch::noticed(int64_t rank, const std::string& got) const {
  return {.rank = rank,
          .code = ExitCode::kHang,
          .host = hosts_[static_cast<size_t>(rank)],
          .message = got_want(name_of(rank), got, "one that gets on within distributed.timeout_seconds",
                              "look at its own output and its machine; the same command resumes"),
          .noticed = true};
}

/// A failure that this rank reported itself ends it elsewhere.
void RankWatch::heed(const Failure& failure) {
  if (failure.rank == place_.rank && !failure.noticed) return;
  end_process(failure);
}

void RankWatch::end_process(const Failure& failure) {
  if (ends_.exchange(true)) {
    for (;;) std::this_thread::sleep_for(seconds(1));
  }
  const bool tells = place_.rank == 0 || (failure.noticed && failure.rank == 0 && place_.rank == 1);
  if (tells) {
    show_status("");
    log(failure.code == ExitCode::kStopped ? LogLevel::kInfo : LogLevel::kError, failure.sentence());
  }
  // Nobody waits for a store that may be gone.
  std::thread([&] {
    try {
      meeting_.add(kHeard, 1);
      if (place_.rank == 0) wait_until_heard(meeting_);
    } catch (const std::exception&) {
    }
    _exit(static_cast<int>(failure.code));
  }).detach();
  std::this_thread::sleep_for(kMoment);
  _exit(static_cast<int>(failure.code));
}

bool RankWatch::wait_until_heard(MeetingPoint& mine) const {
  const Clock::time_point until = Clock::now() + kMoment;
  while (Clock::now() < until) {
    if (mine.add(kHeard, 0) >= place_.size) return true;
    std::this_thread::sleep_for(milliseconds(20));
  }
  return false;
}

void RankWatch::connection_broke() {
  const Waiting waiting(*this);
  broke_ = true;
  std::this_thread::sleep_for(3 * kMoment);
}

bool RankWatch::report(MeetingPoint& mine, ExitCode code, const std::string& message) {
  const Failure failure{
      .rank = place_.rank, .code = code, .host = hosts_[static_cast<size_t>(place_.rank)], .message = message};
  const Failure first = Failure::unpacked(mine.set_first(kFailure, failure.packed()));
  if (first.rank != place_.rank || first.noticed) std::this_thread::sleep_for(3 * kMoment);
  has_reported_ = true;
  try {
    mine.add(kHeard, 1);
    return wait_until_heard(mine);
  } catch (const std::exception&) {
    return true;  // rank 0 has left with what all of them hear, and the store with it
  }
}

}  // namespace mm
