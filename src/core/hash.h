// Content fingerprints (XXH3): fast enough to take of everything we read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

struct XXH3_state_s;

namespace mm {

uint64_t hash64(std::span<const std::byte> bytes);
uint64_t hash64(std::string_view text);

/// hash64() of bytes that come in parts.
class Hasher {
 public:
  Hasher();
  void add(std::span<const std::byte> bytes);
  /// Blocks from all over `bytes`, their beginning and their end among them: of a long file in little time.
  void add_sample(std::span<const std::byte> bytes);
  uint64_t value() const;

 private:
  struct Free {
    void operator()(XXH3_state_s* state) const;
  };
  std::unique_ptr<XXH3_state_s, Free> state_;
};

/// 16 lower-case hexadecimal digits.
std::string hex64(uint64_t value);

}  // namespace mm
