// Random numbers by name: what a stream gives depends on the seed, its name and its position alone, so nothing
// of it needs saving but the position, and one part of the program never shifts another's numbers.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace mm {

/// A 64-bit seed for the stream `name` at `index` (a step, an epoch): mixes all three.
uint64_t derive_seed(uint64_t seed, std::string_view name, uint64_t index = 0);

/// A small counter-based generator (SplitMix64 over a keyed counter).
/// Source: Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators".
class RandomStream {
 public:
  RandomStream(uint64_t seed, std::string_view name, uint64_t index = 0) : key_(derive_seed(seed, name, index)) {}

  uint64_t next();
  /// Uniform in [0, 1), 53 bits.
  double uniform();
  /// Uniform in [0, n), without modulo bias.
  uint64_t below(uint64_t n);

 private:
  uint64_t key_;
  uint64_t counter_ = 0;
};

/// A permutation of [0, n) (Fisher-Yates) that depends on the seed, the name and the index alone.
std::vector<uint32_t> random_permutation(uint32_t n, uint64_t seed, std::string_view name, uint64_t index);

}  // namespace mm
