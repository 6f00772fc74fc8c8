// std::mt19937 seeded with one word is PyTorch's CPU generator.
#include "data/windows/randperm.h"

#include <limits>
#include <numeric>
#include <random>
#include <utility>

#include "core/error.h"
#include "core/text.h"

namespace mm {

std::vector<uint32_t> randperm(int64_t n, uint32_t seed) {
  constexpr int64_t kLimit = std::numeric_limits<uint32_t>::max() / 20;
  if (n >= kLimit) {
    throw Error(ExitCode::kData, got_want("data.train", with_commas(n) + " rows", "fewer than " + with_commas(kLimit),
                                          "split the data over several runs"));
  }
  std::vector<uint32_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), 0U);
  std::mt19937 generator(seed);
  for (size_t i = 0; i + 1 < order.size(); ++i) std::swap(order[i], order[i + generator() % (order.size() - i)]);
  return order;
}

}  // namespace mm
