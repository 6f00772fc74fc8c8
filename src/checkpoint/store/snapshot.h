// A copy of a state, so that it can be written while the training changes it.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>

#include "checkpoint/named_tensors.h"

namespace mm {

/// Holds the memory of its copies and uses it again: the first one costs allocations, the others one pass over the
/// memory that the tensors view, however many tensors that is.
class Snapshot {
 public:
  /// The tensors as they are now, under their names and on their device; what happens to them afterwards does not reach
  /// these. Behind what the device has queued already; does not wait for it. They are overwritten by the copy that
  /// follows the next forget().
  NamedTensors take(const NamedTensors& tensors);

  /// What was taken is no longer needed.
  void forget() { fresh_.clear(); }

 private:
  at::Tensor copy_of_storage(const at::Tensor& tensor);

  std::map<const void*, at::Tensor> copies_;  ///< by the storage that they are of
  std::map<const void*, at::Tensor> fresh_;   ///< those made since the last forget()
};

}  // namespace mm
