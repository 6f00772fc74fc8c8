// Two stores: cheap enough for every micro-batch and token.
#include "core/alive.h"

#include <atomic>

namespace mm {
namespace {

std::atomic<uint64_t> signs{0};
std::atomic<const char*> work{"setting up"};

}  // namespace

void still_in(const char* doing) {
  work.store(doing, std::memory_order_relaxed);
  still_going();
}

void still_going() {
  signs.fetch_add(1, std::memory_order_relaxed);
}

SignOfLife last_sign_of_life() {
  return {signs.load(std::memory_order_relaxed), work.load(std::memory_order_relaxed)};
}

}  // namespace mm
