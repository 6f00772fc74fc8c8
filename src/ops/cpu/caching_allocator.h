// Large CPU tensors from a cache of huge-page blocks. The system's allocator maps and unmaps every large activation
// anew, and a step then spends 10-25% of its time in page faults.
#pragma once

namespace mm::cpu {

/// Makes LibTorch allocate CPU tensors from the cache. Call once, before the first large tensor.
/// Blocks of 1 MiB and more are kept when freed and handed out again for the same size class (an eighth of a power of
/// two apart); smaller ones go to the system's allocator. Memory is given back only when the process ends.
void use_caching_allocator();

}  // namespace mm::cpu
