#include "core/terminal/progress.h"

#include <algorithm>
#include <utility>

#include "core/alive.h"
#include "core/terminal/log.h"
#include "core/terminal/terminal.h"
#include "core/text.h"

namespace mm {
namespace {

double seconds_of(std::chrono::steady_clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

Progress::Progress(std::string what, double total) : what_(std::move(what)), total_(total) {}

Progress::~Progress() {
  if (shown_) show_activity("");
}

void Progress::done(double so_far) {
  if (so_far > std::exchange(so_far_, so_far)) still_going();
  constexpr double kBeforeABar = 1, kBetweenBars = 0.2, kBetweenLines = 60;
  const Clock::time_point now = Clock::now();
  const double waited = seconds_of(now - told_);
  const bool due = is_terminal() ? waited > (shown_ ? kBetweenBars : kBeforeABar) : waited > kBetweenLines;
  if (!due) return;
  told_ = now;
  const std::string text = progress_text(what_, total_ > 0 ? so_far / total_ : -1, seconds_of(now - begun_));
  if (is_terminal()) {
    show_activity(text);
    shown_ = true;
  } else {
    log_info(text);
  }
}

std::string progress_text(const std::string& what, double share, double seconds) {
  constexpr int kColumns = 20;
  if (share < 0) return what + "  " + clock_time(seconds) + " so far";
  const double part = std::clamp(share, 0.0, 1.0);
  const auto full = static_cast<size_t>(part * kColumns);
  std::string bar(full, '=');
  if (full < kColumns) bar += '>';
  bar.resize(kColumns, ' ');
  const std::string left = part > 0 ? clock_time(seconds * (1 - part) / part) : "?";
  return what + "  [" + bar + "] " + format("%3.0f%%  eta ", 100 * part) + left;
}

}  // namespace mm
