// A curve of any length, kept in a fixed number of buckets: least, mean and greatest of each.
#pragma once

#include <cstdint>
#include <vector>

namespace mm {

struct Bucket {
  int64_t first_step = 0, last_step = 0;  ///< of the values in it
  int64_t count = 0;
  double min = 0, max = 0, sum = 0;

  double mean() const { return sum / static_cast<double>(count); }
};

/// Buckets are equally many steps wide; whenever they run out, neighbours are merged in pairs. So a peak of one step
/// stays visible among 100,000, and the memory never grows.
class Series {
 public:
  explicit Series(int64_t most_buckets) : most_buckets_(most_buckets) {}

  /// A value that is not finite leaves no trace. `step` is from 0.
  void add(int64_t step, double value);

  bool empty() const { return buckets_.empty(); }
  /// Adds every bucket of another curve as it is, which is exact where both have the same steps.
  void join(const Series& other);
  /// Those with values, in the order of the steps.
  std::vector<Bucket> buckets() const;

 private:
  void merge_pairs();

  int64_t most_buckets_;
  int64_t steps_per_bucket_ = 1;
  std::vector<Bucket> buckets_;
};

}  // namespace mm
