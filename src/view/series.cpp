// Merging pairs of buckets.
#include "view/series.h"

#include <algorithm>
#include <cmath>

namespace mm {
namespace {

void merge(Bucket& into, const Bucket& other) {
  if (other.count == 0) return;
  if (into.count == 0) {
    into = other;
    return;
  }
  into.first_step = std::min(into.first_step, other.first_step);
  into.last_step = std::max(into.last_step, other.last_step);
  into.min = std::min(into.min, other.min);
  into.max = std::max(into.max, other.max);
  into.sum += other.sum;
  into.count += other.count;
}

}  // namespace

void Series::add(int64_t step, double value) {
  if (!std::isfinite(value)) return;
  while (step / steps_per_bucket_ >= most_buckets_) merge_pairs();
  const auto index = static_cast<size_t>(step / steps_per_bucket_);
  if (buckets_.size() <= index) buckets_.resize(index + 1);
  merge(buckets_[index], {step, step, 1, value, value, value});
}

void Series::join(const Series& other) {
  for (const Bucket& bucket : other.buckets()) {
    while (bucket.last_step / steps_per_bucket_ >= most_buckets_) merge_pairs();
    const auto index = static_cast<size_t>(bucket.first_step / steps_per_bucket_);
    if (buckets_.size() <= index) buckets_.resize(index + 1);
    merge(buckets_[index], bucket);
  }
}

void Series::merge_pairs() {
  for (size_t i = 0; i < buckets_.size(); ++i) {
    if (i % 2 == 0) {
      buckets_[i / 2] = buckets_[i];
    } else {
      merge(buckets_[i / 2], buckets_[i]);
    }
  }
  buckets_.resize((buckets_.size() + 1) / 2);
  steps_per_bucket_ *= 2;
}

std::vector<Bucket> Series::buckets() const {
  std::vector<Bucket> filled;
  std::copy_if(buckets_.begin(), buckets_.end(), std::back_inserter(filled),
               [](const Bucket& bucket) { return bucket.count > 0; });
  return filled;
}

}  // namespace mm
