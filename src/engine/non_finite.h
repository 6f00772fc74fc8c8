// Where a step that was not finite went wrong.
#pragma once

#include <optional>

#include "data/batch.h"
#include "metrics/record.h"
#include "model/causal_lm.h"

namespace mm {

/// Where a forward pass over `batch` first gives what is not finite; nothing when the blocks give only finite values.
std::optional<NonFinite> find_non_finite(CausalLm& model, const Batch& batch);

}  // namespace mm
