// Between which bytes of a text no token can reach across.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace mm {

/// Knows the places inside tokens by the two bytes before and the two bytes after. A place in a text with other
/// neighbours lies inside no token: a word may be cut there, and its parts merge exactly as they would have together.
/// Most characters of a long run of Chinese are parted so, which keeps the work on it in the processor's caches.
class JoinTable {
 public:
  /// For tokens of `total_bytes` together.
  explicit JoinTable(size_t total_bytes);

  void add(std::string_view token);

  /// Whether a token may span the place before `text[at]`, 0 < at < text.size(). May say so without need.
  bool may_join(std::string_view text, size_t at) const;

 private:
  /// A place: two bytes before it and two after it, or kEnd where the token has no second one.
  struct Place {
    uint64_t before2, before, after, after2;
  };

  size_t bit_of(const Place& place) const;
  bool has(const Place& place) const { return bits_[bit_of(place)]; }

  std::vector<bool> bits_;  ///< a Bloom filter with one hash
  int shift_;               ///< 64 minus the binary logarithm of its size
};

}  // namespace mm
