// Whether weights and moments are numbers.
#pragma once

#include <string>

#include "checkpoint/named_tensors.h"

namespace mm {

/// The first tensor with a value that is not finite, in words: `lm_head.weight: 3 of 1,024 values are not finite`;
/// empty when all are. One pass over each tensor, on its device; waits for it.
std::string describe_non_finite(const NamedTensors& tensors);

}  // namespace mm
