// Large CPU tensors from a cache of huge-page blocks. The system's allocator maps and unmaps every large activation
// anew, and a step then spends 10-25% of its time in page faults.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mm::cpu {

/// Makes LibTorch allocate CPU tensors from the cache. Call once, before the first large tensor.
/// Blocks of `smallest` and more are kept when freed and handed out again for the same size class (an eighth of a power
/// of two apart); smaller ones go to the system's allocator. Nothing is given back by itself.
///   smallest  bytes from which on a block is one of the cache; lower only to count what a small batch takes
void use_caching_allocator(size_t smallest = size_t{1} << 20);

/// Gives the blocks that are not in use back to the system: after large work that does not come again.
void give_back();

/// Bytes of the blocks that the cache would have taken from the system if it had begun at the last restart_peak() with
/// those that were in use then. 0 where it is not in use.
int64_t peak_bytes();
void restart_peak();

/// Bytes of all blocks that it has taken from the system.
int64_t held_bytes();

}  // namespace mm::cpu
