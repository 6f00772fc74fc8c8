// What is told of a router and its experts, on cases counted by hand; and the views of their weights.
#include "model/moe/router/statistics.h"

#include <ATen/ops/equal.h>
#include <ATen/ops/tensor.h>

#include <cmath>

#include "model/moe/moe_views.h"
#include "small_model.h"

namespace mm {
namespace {

double at_row(const at::Tensor& values_qe, int64_t row) {
  return values_qe[row].sum().item<double>();
}

TEST(RouterSums, AreEntropyAndLogitsOfTheCountedTokens) {
  Routing routing;
  // An undecided token, a decided one, and padding.
  routing.probabilities_ne = at::tensor({0.5f, 0.5f, 1.0f, 0.0f, 0.3f, 0.7f}).view({3, 2});
  routing.logits_ne = at::tensor({1.0f, 1.0f, 4.0f, -8.0f, 9.0f, 9.0f}).view({3, 2});
  const at::Tensor sums_qe = router_sums(routing, at::tensor({1.0f, 1.0f, 0.0f}));
  EXPECT_NEAR(at_row(sums_qe, 0), std::log(2.0), 1e-6);
  EXPECT_NEAR(at_row(sums_qe, 1), 1 + 1 + 4 + 8, 1e-6);
  EXPECT_FALSE(sums_qe.requires_grad());
}

TEST(OutputSquares, AddUpTheRowsOfEachExpert) {
  const at::Tensor out_rd = at::tensor({1.0f, 2.0f, 3.0f, 0.0f, 2.0f, 2.0f}).view({3, 2});
  // The second of three experts has no row.
  const at::Tensor squares_e = output_squares(out_rd, at::tensor({2, 2, 3}, at::kInt));
  EXPECT_TRUE(at::equal(squares_e, at::tensor({14.0f, 0.0f, 8.0f})));
}

TEST(OutputSquares, OneExpertsNanIsItsOwn) {
  const float nan = std::nanf("");
  const at::Tensor squares_e =
      output_squares(at::tensor({1.0f, nan, 2.0f}).view({3, 1}), at::tensor({1, 2, 3}, at::kInt));
  EXPECT_EQ(squares_e[0].item<float>(), 1.0f);
  EXPECT_TRUE(std::isnan(squares_e[1].item<float>()));
  EXPECT_EQ(squares_e[2].item<float>(), 4.0f);
}

}  // namespace
}  // namespace mm
