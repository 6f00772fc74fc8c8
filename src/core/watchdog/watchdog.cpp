// A thread that looks at a counter.
#include "core/watchdog/watchdog.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "core/alive.h"
#include "core/error.h"
#include "core/terminal/log.h"
#include "core/text.h"
#include "core/watchdog/thread_stacks.h"

namespace mm {
namespace {

void write_all(int descriptor, const std::string& text) {
  // There is nobody left to tell of a failure.
  [[maybe_unused]] const ssize_t written = ::write(descriptor, text.data(), text.size());
}

[[noreturn]] void give_up(double limit_seconds, const std::string& report) {
  leave_status();
  const std::string message =
      got_want(format("still in %s", last_sign_of_life().doing),
               format("%.0f seconds without getting on", limit_seconds), "less than run.hang_seconds",
               "look at the calls below, the disk and the GPU; the same command resumes from the last checkpoint");
  write_all(STDERR_FILENO, "error: " + message + "\n");
  write_thread_stacks(STDERR_FILENO);
  std::thread([&] {
    const int file = ::open(report.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    write_all(file, message + "\n");
    write_thread_stacks(file);
    _exit(static_cast<int>(ExitCode::kHang));
  }).detach();
  std::this_thread::sleep_for(std::chrono::seconds(5));
  _exit(static_cast<int>(ExitCode::kHang));
}

}  // namespace

Watchdog::Watchdog(double limit_seconds, std::string report) {
  if (limit_seconds <= 0) return;
  prepare_thread_stacks();
  thread_ = std::thread([this, limit_seconds, report = std::move(report)] { watch(limit_seconds, report); });
}

Watchdog::~Watchdog() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    is_over_ = true;
  }
  over_.notify_one();
  thread_.join();
}

void Watchdog::watch(double limit_seconds, const std::string& report) {
  using Clock = std::chrono::steady_clock;
  const auto period = std::chrono::duration<double>(std::min(limit_seconds / 4, 1.0));
  uint64_t seen = last_sign_of_life().number;
  double quiet_seconds = 0;
  std::unique_lock lock(mutex_);
  while (!is_over_) {
    const Clock::time_point start = Clock::now();
    over_.wait_for(lock, period, [&] { return is_over_; });
    const uint64_t now = last_sign_of_life().number;
    // Whoever was stopped for longer than a period was not the only one.
    const std::chrono::duration<double> passed = Clock::now() - start;
    quiet_seconds = now == seen ? quiet_seconds + std::min(passed, 2 * period).count() : 0;
    seen = now;
    if (!is_over_ && quiet_seconds >= limit_seconds) give_up(limit_seconds, report);
  }
}

}  // namespace mm
