// Which window comes when: a new permutation every epoch, known from the seed alone.
#pragma once

#include <cstdint>
#include <vector>

namespace mm {

/// Position p of a run (sequences consumed since step 0) is position p % windows of epoch p / windows. Resuming at any
/// position costs one permutation, whatever came before.
class SampleOrder {
 public:
  /// Throws Error(kData) for 2^32 windows or more.
  SampleOrder(int64_t windows, uint64_t seed);

  /// The window at `position`; cheap while positions stay in one epoch.
  int64_t window_at(int64_t position);

 private:
  int64_t windows_;
  uint64_t seed_;
  int64_t epoch_ = -1;  ///< of `order_`
  std::vector<uint32_t> order_;
};

}  // namespace mm
