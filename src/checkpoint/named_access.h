// From the tensors of a file into the tensors of a model.
#pragma once

#include <string>

#include "checkpoint/named_tensors.h"

namespace mm {

/// Copies every tensor of `from` into the tensor of the same name in `into` (parameters included), whatever the order,
/// converting dtype and device. Names and shapes must agree exactly; otherwise nothing is copied and one
/// Error(kCheckpoint) lists what is missing, unexpected and of another shape.
///   file  named in the error
void copy_named(const NamedTensors& from, const NamedTensors& into, const std::string& file);

}  // namespace mm
