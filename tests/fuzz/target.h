// What a fuzz target is: a reader that must take any bytes, its first inputs, and how inputs are changed.
#pragma once

#include <cstddef>
#include <functional>
#include <random>
#include <span>
#include <string>
#include <vector>

namespace mm {

using Bytes = std::span<const std::byte>;

/// Changes a text at random, to at most `most_bytes`.
using MutateBytes = std::function<std::string(std::string text, size_t most_bytes)>;

struct FuzzTarget {
  const char* name;

  /// Reads `input` and uses all that was read; false when it was refused, as a user may see it. Whatever it throws is a
  /// finding.
  bool (*run)(Bytes input);

  /// Small inputs, most of them valid, from which all others are made.
  std::vector<std::string> (*seeds)();

  /// An input that differs from `input` and still gets past lengths and checksums; at most `most_bytes` long.
  std::string (*mutate)(const std::string& input, size_t most_bytes, std::minstd_rand& random,
                        const MutateBytes& mutate_bytes);
};

extern const FuzzTarget kPthTarget;
extern const FuzzTarget kPickleTarget;
extern const FuzzTarget kSafetensorsTarget;
extern const FuzzTarget kTokenizerJsonTarget;
extern const FuzzTarget kTextTarget;
extern const FuzzTarget kTokenFileTarget;
extern const FuzzTarget kArchiveTarget;

const std::vector<FuzzTarget>& fuzz_targets();
/// Throws std::out_of_range when there is none of that name.
const FuzzTarget& fuzz_target(const std::string& name);

/// For FuzzTarget::mutate of a format that can be changed anywhere.
std::string mutate_anywhere(const std::string& input, size_t most_bytes, std::minstd_rand& random,
                            const MutateBytes& mutate_bytes);

}  // namespace mm
