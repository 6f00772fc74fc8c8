// The two-level sum behind the norm of a flat buffer.
#include "ops/flat_norm.h"

#include <ATen/ops/linalg_vector_norm.h>

namespace mm {

at::Tensor flat_norm(const at::Tensor& flat) {
  const at::Tensor norm_of_rows = at::linalg_vector_norm(flat.view({-1, 1024}), 2, {1});
  return at::linalg_vector_norm(norm_of_rows, 2, std::nullopt, false, at::kDouble).to(at::kFloat);
}

}  // namespace mm
