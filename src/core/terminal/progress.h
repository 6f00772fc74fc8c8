// How far a piece of work is that may take long, for whoever waits for it.
#pragma once

#include <chrono>
#include <string>

namespace mm {

/// From its second second on, a bar with the time that is left below all else on the terminal; it goes when this object
/// does. Where standard output is no terminal, a line in every minute. Told by one thread.
class Progress {
 public:
  ///   what   `tokenizing data/a.jsonl`
  ///   total  of what done() counts; 0 where nobody knows
  Progress(std::string what, double total);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// `so_far` of the total are done; more than before is a sign of life. Cheap enough for every batch.
  void done(double so_far);

 private:
  using Clock = std::chrono::steady_clock;

  std::string what_;
  double total_, so_far_ = 0;
  Clock::time_point begun_ = Clock::now(), told_ = begun_;
  bool shown_ = false;
};

/// `tokenizing data/a.jsonl  [=======>            ]  35%  eta 0:12`; of an unknown total the time that it took so far.
std::string progress_text(const std::string& what, double share, double seconds);

}  // namespace mm
