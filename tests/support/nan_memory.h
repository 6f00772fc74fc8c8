// Fresh tensors filled with NaN, so that a value which nobody writes shows.
#pragma once

#include <ATen/Context.h>

namespace mm {

/// While it lives, at::empty gives NaN.
class NanInFreshMemory {
 public:
  NanInFreshMemory() { set(true); }
  ~NanInFreshMemory() { set(false); }
  NanInFreshMemory(const NanInFreshMemory&) = delete;
  NanInFreshMemory& operator=(const NanInFreshMemory&) = delete;

 private:
  static void set(bool filled) { at::globalContext().setDeterministicAlgorithms(filled, /*b_warn_only=*/true); }
};

}  // namespace mm
