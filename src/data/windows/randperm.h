// PyTorch's random permutation.
#pragma once

#include <cstdint>
#include <vector>

namespace mm {

/// torch.randperm(n) on a CPU after torch.manual_seed(seed). Throws Error(kData) for n of 2^32 / 20 or more, where
/// PyTorch goes another way.
/// Source: Matsumoto & Nishimura 1998, MT19937; Fisher-Yates with 32-bit remainders, as PyTorch has it.
std::vector<uint32_t> randperm(int64_t n, uint32_t seed);

}  // namespace mm
