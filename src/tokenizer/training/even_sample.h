// A share of a text, spread evenly over it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mm {

class EvenSample {
 public:
  /// `share` in (0, 1].
  explicit EvenSample(double share) : share_(share) {}

  /// Whether the next `bytes` bytes are of the sample, which never exceeds its share of the bytes so far.
  bool take(size_t bytes) {
    shown_ += static_cast<int64_t>(bytes);
    const int64_t kept = kept_ + static_cast<int64_t>(bytes);
    if (static_cast<double>(kept) > share_ * static_cast<double>(shown_)) return false;
    kept_ = kept;
    return true;
  }

  int64_t kept_bytes() const { return kept_; }

 private:
  double share_;
  int64_t shown_ = 0, kept_ = 0;
};

}  // namespace mm
