// Three batched products an iteration.
#include "optim/muon/orthogonalize.h"

#include <ATen/ops/baddbmm.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/linalg_vector_norm.h>

#include <algorithm>
#include <array>

namespace mm {
namespace {

struct Coefficients {
  double a, b, c;
};

// Made for singular values in [0.001, 1], with a margin for the rounding of bf16.
constexpr std::array<Coefficients, 5> kIterations = {{
    {8.156554524902461, -22.48329292557795, 15.878769915207462},
    {4.042929935166739, -2.808917465908714, 0.5000178451051316},
    {3.8916678022926607, -2.772484153217685, 0.5060648178503393},
    {3.285753657755655, -2.3681294933425376, 0.46449024233003106},
    {2.3465413258596377, -1.7097828382687081, 0.42323551169305323},
}};

// Rounding must not lift the largest singular value above 1, where the first polynomial leaves its range.
constexpr double kMargin = 1.02;

constexpr double kLeastNorm = 1e-20;  // so that 0 / norm is 0

}  // namespace

at::Tensor orthogonalize(const at::Tensor& x_nrc) {
  at::Tensor result_nrc =
      x_nrc / (at::linalg_vector_norm(x_nrc, 2, {1, 2}, /*keepdim=*/true) * kMargin).clamp_min(kLeastNorm);
  for (const auto& [a, b, c] : kIterations) {
    const at::Tensor squares_nrr = at::bmm(result_nrc, result_nrc.transpose(1, 2));
    const at::Tensor factor_nrr = at::baddbmm(squares_nrr, squares_nrr, squares_nrr, b, c);
    factor_nrr.diagonal(0, 1, 2).add_(a);  // an `a X` of its own would be two more passes over what is larger
    result_nrc = at::bmm(factor_nrr, result_nrc);
  }
  return result_nrc;
}

double orthogonalize_flops(int64_t rows, int64_t columns) {
  const auto r = static_cast<double>(std::min(rows, columns)), c = static_cast<double>(std::max(rows, columns));
  return static_cast<double>(kIterations.size()) * (4 * r * r * c + 2 * r * r * r);
}

}  // namespace mm
