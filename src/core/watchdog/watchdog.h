// Noticing that a program no longer gets on.
#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

namespace mm {

/// Ends the process with kHang when `limit_seconds` pass without a sign of life (core/alive.h). Before that, it says so
/// on standard error, with the state and the calls of every thread, and in the file `report` if that can be written in
/// a few seconds: a disk that does not answer must not hold it up. Time in which the process or the machine was stopped
/// does not count.
class Watchdog {
 public:
  /// 0 seconds: never.
  Watchdog(double limit_seconds, std::string report);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

 private:
  void watch(double limit_seconds, const std::string& report);

  std::mutex mutex_;
  std::condition_variable over_;
  bool is_over_ = false;
  std::thread thread_;
};

}  // namespace mm
