// How long a thread was ready to run and had no processor: what a busy machine costs it.
#pragma once

namespace mm {

/// Of the thread that makes it; any thread may ask.
class ProcessorWait {
 public:
  ProcessorWait();
  ~ProcessorWait();
  ProcessorWait(const ProcessorWait&) = delete;
  ProcessorWait& operator=(const ProcessorWait&) = delete;

  /// Seconds since the thread began, without a wait that is not over; 0 where the system does not tell, and of a thread
  /// that has ended.
  double seconds() const;

 private:
  int descriptor_;  ///< of the thread's schedstat; below 0: there is none
};

}  // namespace mm
