// One vector norm a parameter, and one over these.
#include "optim/clip_norm.h"

#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/stack.h>

namespace mm {

at::Tensor clip_norm(const std::vector<at::Tensor>& gradients) {
  std::vector<at::Tensor> norms;
  for (const at::Tensor& gradient : gradients) norms.push_back(at::linalg_vector_norm(gradient, 2));
  return at::linalg_vector_norm(at::stack(norms), 2);
}

}  // namespace mm
