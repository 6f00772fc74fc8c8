// A sum in double precision is finite exactly when all of its single-precision terms are.
#include "checkpoint/finite.h"

#include <ATen/ops/isfinite.h>

#include <cmath>

#include "core/json/json_text.h"
#include "core/text.h"

namespace mm {

std::string describe_non_finite(const NamedTensors& tensors) {
  for (const auto& [name, tensor] : tensors) {
    if (!tensor.is_floating_point() || std::isfinite(tensor.sum(at::kDouble).item<double>())) continue;
    const int64_t bad = at::isfinite(tensor).logical_not().sum().item<int64_t>();
    if (bad == 0) continue;  // of double precision, whose sum may overflow
    return show_key(name) + ": " + with_commas(bad) + " of " + with_commas(tensor.numel()) + " values are not finite";
  }
  return "";
}

}  // namespace mm
