// The norm of a flat buffer.
#include "ops/update/flat_norm.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/pow.h>

#include "compare.h"

namespace mm {
namespace {

TEST(FlatNorm, IsExactToAMillionthOverTenMillionElementsOfAnySize) {
  // Six orders of magnitude between neighbouring stretches, as between embeddings and norm weights.
  const int64_t size = 1024 * 10000;
  at::Tensor flat = random_tensor({size}, 1);
  flat.mul_(at::pow(10.0, -at::arange(size).div(1 << 17, "floor").remainder(7)));
  const double exact = flat.to(at::kDouble).norm().item<double>();
  EXPECT_NEAR(flat_norm(flat).item<double>(), exact, 1e-6 * exact);
  const at::Tensor even = at::full({size}, 1e-3);
  const double even_exact = even.to(at::kDouble).norm().item<double>();
  EXPECT_NEAR(flat_norm(even).item<double>(), even_exact, 1e-6 * even_exact);
}

TEST(FlatNorm, IsTheSameWithOneThreadAndWithTwo) {
  const at::Tensor flat = random_tensor({1024 * 333}, 2);
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const at::Tensor with_one = flat_norm(flat);
  at::set_num_threads(2);
  EXPECT_TRUE(at::equal(with_one, flat_norm(flat)));
  at::set_num_threads(threads);
}

TEST(FlatNorm, ShowsAnyValueThatIsNotFinite) {
  for (float bad : {kNan, kInfinity, -kInfinity}) {
    at::Tensor flat = at::ones({4096});
    flat[3001] = bad;
    EXPECT_FALSE(std::isfinite(flat_norm(flat).item<float>()));
  }
}

}  // namespace
}  // namespace mm
