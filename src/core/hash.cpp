// XXH3, whole and in parts.
#include "core/hash.h"

#include <xxhash.h>

#include <new>

#include "core/text.h"

namespace mm {

uint64_t hash64(std::span<const std::byte> bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}

uint64_t hash64(std::string_view text) {
  return XXH3_64bits(text.data(), text.size());
}

Hasher::Hasher() : state_(XXH3_createState()) {
  if (!state_) throw std::bad_alloc();
  XXH3_64bits_reset(state_.get());
}

void Hasher::Free::operator()(XXH3_state_s* state) const {
  XXH3_freeState(state);
}

void Hasher::add(std::span<const std::byte> bytes) {
  XXH3_64bits_update(state_.get(), bytes.data(), bytes.size());
}

void Hasher::add_sample(std::span<const std::byte> bytes) {
  constexpr size_t kBlocks = 64, kBlock = 4096;
  if (bytes.size() <= kBlocks * kBlock) return add(bytes);
  for (size_t i = 0; i < kBlocks; ++i) {
    add(bytes.subspan((bytes.size() - kBlock) / (kBlocks - 1) * i, kBlock));
  }
  add(bytes.last(kBlock));
}

uint64_t Hasher::value() const {
  return XXH3_64bits_digest(state_.get());
}

std::string hex64(uint64_t value) {
  return format("%016llx", static_cast<unsigned long long>(value));
}

}  // namespace mm
