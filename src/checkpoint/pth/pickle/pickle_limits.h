// How large and how deep the values of a pickle may be, however few bytes describe them.
#pragma once

#include <cstddef>

#include "checkpoint/pth/pickle/pickle_tree.h"

namespace mm {

constexpr size_t kDeepestPickle = 64;                  // levels of containers
constexpr size_t kMostPickleValues = size_t{4} << 20;  // with every repeat of a shared one
constexpr size_t kMostValuesPerByte = 4;               // of the pickle, with every repeat of a shared one

/// Throws Error(kCheckpoint) unless what hangs on the root is data alone, at most kDeepestPickle levels deep, holds no
/// container within itself, has at most kMostValuesPerByte values for each of the `pickle_bytes`, and has no dict with
/// a key twice. After this, every walk over the tree ends, is short and may recurse.
void check_pickle_limits(const PickleTree& tree, size_t pickle_bytes);

}  // namespace mm
