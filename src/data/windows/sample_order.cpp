// Keeps the permutation of one epoch at a time.
#include "data/windows/sample_order.h"

#include <limits>

#include "core/error.h"
#include "core/random.h"
#include "core/text.h"

namespace mm {

SampleOrder::SampleOrder(int64_t windows, uint64_t seed) : windows_(windows), seed_(seed) {
  require(windows > 0, "a window to put in order");
  if (windows > std::numeric_limits<uint32_t>::max()) {
    throw Error(ExitCode::kData, got_want("data.train", with_commas(windows) + " windows", "fewer than 4,294,967,296",
                                          "raise data.sequence_length or split the data over several runs"));
  }
}

int64_t SampleOrder::window_at(int64_t position) {
  require(position >= 0, "a position from zero on");
  const int64_t epoch = position / windows_;
  if (epoch != epoch_) {
    order_ = random_permutation(static_cast<uint32_t>(windows_), seed_, "data", static_cast<uint64_t>(epoch));
    epoch_ = epoch;
  }
  return order_[static_cast<size_t>(position % windows_)];
}

}  // namespace mm
