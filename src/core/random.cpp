// SplitMix64 over a keyed counter.
#include "core/random.h"

#include <numeric>
#include <utility>

#include "core/error.h"
#include "core/hash.h"

namespace mm {
namespace {

// 2^64 divided by the golden ratio: an odd step that visits every 64-bit value.
constexpr uint64_t kGoldenStep = 0x9e3779b97f4a7c15;

// SplitMix64's finalizer: every input bit changes every output bit with probability one half.
uint64_t mix(uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

}  // namespace

uint64_t derive_seed(uint64_t seed, std::string_view name, uint64_t index) {
  uint64_t mixed = mix(seed + kGoldenStep);
  mixed = mix(mixed ^ hash64(name));
  return mix(mixed + index * kGoldenStep);
}

uint64_t RandomStream::next() {
  return mix(key_ + ++counter_ * kGoldenStep);
}

double RandomStream::uniform() {
  return static_cast<double>(next() >> 11) * 0x1p-53;
}

uint64_t RandomStream::below(uint64_t n) {
  require(n > 0, "RandomStream::below wants a positive bound");
  // The lowest 2^64 mod n values are drawn again, so that every remainder has the same number of values.
  const uint64_t rejected = (0 - n) % n;
  uint64_t value = next();
  while (value < rejected) value = next();
  return value % n;
}

std::vector<uint32_t> random_permutation(uint32_t n, uint64_t seed, std::string_view name, uint64_t index) {
  std::vector<uint32_t> order(n);
  std::iota(order.begin(), order.end(), 0u);
  RandomStream stream(seed, name, index);
  for (uint32_t left = n; left > 1; --left) std::swap(order[left - 1], order[stream.below(left)]);
  return order;
}

}  // namespace mm
