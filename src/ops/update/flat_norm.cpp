// The two-level sum behind the norm of a flat buffer.
#include "ops/update/flat_norm.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/linalg_vector_norm.h>

#include "ops/cuda/launch.h"

namespace mm {

at::Tensor flat_norm(const at::Tensor& flat) {
  if (!cuda::takes(flat)) return reference::flat_norm(flat);
  const int64_t rows = flat.view({-1, cuda::kNormRow}).size(0);
  const at::Tensor partial = at::empty({cuda::partial_sums(rows)}, flat.options().dtype(at::kDouble));
  const at::Tensor norm = at::empty({}, flat.options());
  cuda::flat_norm(cuda::read<float>(flat), rows, cuda::write<double>(partial), cuda::write<float>(norm),
                  cuda::OnDevice(flat));
  return norm;
}

namespace reference {

at::Tensor flat_norm(const at::Tensor& flat) {
  const at::Tensor norm_of_rows = at::linalg_vector_norm(flat.view({-1, cuda::kNormRow}), 2, {1});
  return at::linalg_vector_norm(norm_of_rows, 2, std::nullopt, false, at::kDouble).to(at::kFloat);
}

}  // namespace reference
}  // namespace mm
