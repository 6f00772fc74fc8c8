// Uses every value of a pickle in every way there is.
#pragma once

#include <cstddef>
#include <functional>

#include "checkpoint/pth/pickle/pickle_tree.h"

namespace mm {

/// Visits all values below `root`, calls the accessors of each, and `visit_tensor` for the tensors. Throws
/// std::logic_error when the tree breaks a promise of read_pickle().
///   pickle_bytes  the size of the pickle
void walk_pickle(const PickleValue& root, size_t pickle_bytes,
                 const std::function<void(const PickleTensor&)>& visit_tensor);

}  // namespace mm
