// Singular values near 1, for any stack of matrices.
#include "optim/muon/orthogonalize.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/linalg_svd.h>
#include <ATen/ops/linalg_svdvals.h>
#include <ATen/ops/logspace.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

namespace mm {
namespace {

at::Tensor random_stack(int64_t count, int64_t rows, int64_t columns, uint64_t seed = 1) {
  return at::randn({count, rows, columns}, at::detail::createCPUGenerator(seed));
}

/// Singular values from `largest` down to `largest` / 500.
at::Tensor stretched(const at::Tensor& x_nrc, double largest) {
  const auto [u, s, vh] = at::linalg_svd(x_nrc, /*full_matrices=*/false);
  const at::Tensor spectrum = at::logspace(0, -2.7, s.size(1)) * largest;
  return at::matmul(u * spectrum, vh);
}

void expect_orthogonal(const at::Tensor& x_nrc) {
  const at::Tensor values = at::linalg_svdvals(x_nrc.to(at::kFloat));
  EXPECT_GT(values.min().item<double>(), 0.7);
  EXPECT_LT(values.max().item<double>(), 1.3);
}

TEST(Orthogonalize, SingularValuesComeNearOneWhateverTheirSizeWas) {
  for (const auto& [rows, columns] : {std::pair<int64_t, int64_t>{24, 24}, {24, 100}, {1, 30}, {1, 1}}) {
    SCOPED_TRACE(std::to_string(rows) + " x " + std::to_string(columns));
    for (const double largest : {1e-8, 1.0, 1e6}) {
      expect_orthogonal(orthogonalize(stretched(random_stack(3, rows, columns), largest)));
    }
    expect_orthogonal(orthogonalize(stretched(random_stack(3, rows, columns), 1).to(at::kBFloat16)));
  }
}

TEST(Orthogonalize, DirectionsStay) {
  const at::Tensor x_nrc = stretched(random_stack(2, 20, 32), 3);
  const auto [u, s, vh] = at::linalg_svd(x_nrc, /*full_matrices=*/false);
  const at::Tensor inner = at::matmul(at::matmul(u.transpose(1, 2), orthogonalize(x_nrc)), vh.transpose(1, 2));
  const at::Tensor diagonal = inner.diagonal(0, 1, 2);
  EXPECT_GT(diagonal.min().item<double>(), 0.7);
  EXPECT_LT((inner - diagonal.diag_embed()).abs().max().item<double>(), 1e-3);
}

TEST(Orthogonalize, AStackGivesWhatEachOfItsMatricesGives) {
  const at::Tensor x_nrc = random_stack(5, 16, 40), all_nrc = orthogonalize(x_nrc);
  for (int64_t i = 0; i < x_nrc.size(0); ++i) {
    EXPECT_TRUE(all_nrc.narrow(0, i, 1).allclose(orthogonalize(x_nrc.narrow(0, i, 1)), 1e-5, 1e-6)) << i;
  }
}

TEST(Orthogonalize, ZerosStayZerosBesideOtherMatrices) {
  at::Tensor x_nrc = random_stack(3, 8, 12);
  x_nrc.select(0, 1).zero_();
  const at::Tensor result_nrc = orthogonalize(x_nrc);
  EXPECT_TRUE(at::equal(result_nrc.select(0, 1), at::zeros({8, 12})));
  expect_orthogonal(result_nrc.slice(0, 0, 3, 2));
}

}  // namespace
}  // namespace mm
