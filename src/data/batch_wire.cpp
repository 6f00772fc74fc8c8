// One more than the number, so that 0 is a position without a target.
#include "data/batch_wire.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <cstdint>
#include <limits>

namespace mm {
namespace {

template <class Narrow>
void add_one(const int64_t* from, int64_t count, Narrow* to) {
  std::transform(from, from + count, to,
                 [](int64_t x) { return x == kIgnoredTarget ? Narrow{0} : static_cast<Narrow>(x + 1); });
}

}  // namespace

at::Tensor narrow(const at::Tensor& x, bool pinned) {
  const auto* from = x.const_data_ptr<int64_t>();
  const int64_t count = x.numel();
  const int64_t largest = count == 0 ? 0 : *std::max_element(from, from + count);
  const auto options = at::TensorOptions().pinned_memory(pinned);
  if (largest < std::numeric_limits<uint16_t>::max()) {
    const at::Tensor narrowed = at::empty(x.sizes(), options.dtype(at::kShort));  // its bits; LibTorch adds no uint16
    add_one(from, count, reinterpret_cast<uint16_t*>(narrowed.mutable_data_ptr<int16_t>()));
    return narrowed;
  }
  const at::Tensor narrowed = at::empty(x.sizes(), options.dtype(at::kInt));
  add_one(from, count, narrowed.mutable_data_ptr<int32_t>());
  return narrowed;
}

at::Tensor widen(const at::Tensor& narrowed) {
  at::Tensor wide = narrowed.to(at::kLong);
  if (narrowed.scalar_type() == at::kShort) wide.bitwise_and_(int64_t{0xFFFF});
  return wide.sub_(1).masked_fill_(wide.lt(0), kIgnoredTarget);
}

}  // namespace mm
