// The constants are computed: the first 32 bits of the fractional parts of roots of the first primes.
#include "tests/support/sha256.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <vector>

namespace mm {
namespace {

std::vector<uint32_t> fractions(size_t count, long double (*root)(long double)) {
  std::vector<uint32_t> words;
  for (uint32_t candidate = 2; words.size() < count; ++candidate) {
    bool prime = true;
    for (uint32_t divisor = 2; divisor * divisor <= candidate; ++divisor) prime &= candidate % divisor != 0;
    if (!prime) continue;
    const long double value = root(candidate);
    words.push_back(static_cast<uint32_t>((value - std::floor(value)) * 4294967296.0L));
  }
  return words;
}

void compress(std::array<uint32_t, 8>& state, std::span<const uint8_t, 64> block) {
  static const std::vector<uint32_t> constants = fractions(64, [](long double x) { return std::cbrt(x); });
  std::array<uint32_t, 64> words;
  for (size_t i = 0; i < 64; ++i) {
    if (i < 16) {
      words[i] = uint32_t{block[4 * i]} << 24 | uint32_t{block[4 * i + 1]} << 16 | uint32_t{block[4 * i + 2]} << 8 |
                 uint32_t{block[4 * i + 3]};
      continue;
    }
    const uint32_t early = words[i - 15], late = words[i - 2];
    const uint32_t sigma0 = std::rotr(early, 7) ^ std::rotr(early, 18) ^ early >> 3;
    const uint32_t sigma1 = std::rotr(late, 17) ^ std::rotr(late, 19) ^ late >> 10;
    words[i] = words[i - 16] + sigma0 + words[i - 7] + sigma1;
  }
  auto [a, b, c, d, e, f, g, h] = state;
  for (size_t i = 0; i < 64; ++i) {
    const uint32_t choice = (e & f) ^ (~e & g), majority = (a & b) ^ (a & c) ^ (b & c);
    const uint32_t sum1 = std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25);
    const uint32_t sum0 = std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22);
    const uint32_t first = h + sum1 + choice + constants[i] + words[i];
    h = g, g = f, f = e, e = d + first, d = c, c = b, b = a, a = first + sum0 + majority;
  }
  const std::array<uint32_t, 8> added = {a, b, c, d, e, f, g, h};
  for (size_t i = 0; i < 8; ++i) state[i] += added[i];
}

}  // namespace

std::string sha256_hex(std::span<const std::byte> bytes) {
  const auto* first = reinterpret_cast<const uint8_t*>(bytes.data());
  std::vector<uint8_t> message(first, first + bytes.size());
  message.push_back(0x80);
  message.resize((message.size() + 8 + 63) / 64 * 64);
  const uint64_t bits = 8 * static_cast<uint64_t>(bytes.size());
  for (size_t i = 0; i < 8; ++i) message[message.size() - 1 - i] = static_cast<uint8_t>(bits >> 8 * i);

  const std::vector<uint32_t> initial = fractions(8, [](long double x) { return std::sqrt(x); });
  std::array<uint32_t, 8> state;
  std::copy(initial.begin(), initial.end(), state.begin());
  for (size_t i = 0; i < message.size(); i += 64) compress(state, std::span<const uint8_t, 64>(&message[i], 64));

  std::string hex;
  for (const uint32_t word : state) {
    char digits[9];
    std::snprintf(digits, sizeof digits, "%08x", word);
    hex += digits;
  }
  return hex;
}

}  // namespace mm
