// What Unicode says of characters that are made of others.
#pragma once

#include <cstdint>
#include <span>

namespace mm {

/// A character and the two that are equivalent to it.
struct CanonicalPair {
  char32_t whole, first, second;
};

/// A character that another one replaces.
struct CanonicalSingle {
  char32_t from, to;
};

/// Characters of a combining class other than 0.
struct CombiningRange {
  char32_t first, last;
  uint8_t combining_class;
};

std::span<const CanonicalPair> canonical_pairs();
std::span<const CanonicalPair> excluded_canonical_pairs();  ///< that are taken apart and stay so
std::span<const CanonicalSingle> canonical_singles();
std::span<const CombiningRange> combining_ranges();

}  // namespace mm
