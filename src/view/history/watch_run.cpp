#include "view/history/watch_run.h"

#include <chrono>
#include <optional>
#include <thread>

#include "core/terminal/log.h"
#include "view/console_sink.h"
#include "view/history/log_history.h"
#include "view/history/run_follower.h"

namespace mm {
namespace {

using Clock = std::chrono::steady_clock;

/// What was before somebody looked: only the last step of it is drawn.
class Past : public MetricSink {
 public:
  explicit Past(ConsoleSink& console) : console_(console) {}
  ~Past() override {
    if (last_) console_.write(*last_);
  }

  void write(const StepRecord& record) override {
    if (last_) console_.remember(*last_);
    last_ = record;
  }
  void write(const EvaluationRecord&) override {}
  void write(const SampleRecord&) override {}

 private:
  ConsoleSink& console_;
  std::optional<StepRecord> last_;
};

/// How the run ended; empty while it trains.
std::string end_of(const std::string& folder) {
  return read_log_history(folder + "/train.log").ended;
}

}  // namespace

void watch_run(const std::string& folder) {
  constexpr auto kBetween = std::chrono::milliseconds(200);
  RunFollower run(folder);
  std::optional<ConsoleSink> console;
  std::string ended;
  for (bool anew = true; ended.empty();) {
    // Looked at first: a run that has ended by now has written all that it will.
    ended = end_of(folder);
    do {
      if (anew) {
        console.emplace(MetricsConfig{.log_every = 0, .experts_every = 0}, /*watch=*/true);
        Past past(*console);
        anew = !run.tell(past);
      } else {
        anew = !run.tell(*console);
      }
    } while (anew);
    if (ended.empty()) std::this_thread::sleep_for(kBetween);
  }
  run.tell(*console);  // a step that waited for its timing
  log_info(folder + " has ended: " + ended);
  leave_status();
}

}  // namespace mm
