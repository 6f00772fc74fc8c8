// AdamW by ATen's kernel, which takes the divisor and the skip flag as tensors; on CUDA in one pass with all that
// follows from it.
#include "ops/update/adamw_update.h"

#include <ATen/ops/_fused_adamw.h>

#include "ops/cuda/launch.h"

namespace mm {
namespace {

void update_on_cuda(const AdamWTensors& range, const AdamWNumbers& numbers, const at::Tensor& divisor,
                    const at::Tensor& skip, const at::Tensor& updates) {
  const bool shadowed = range.shadow.defined();
  cuda::adamw_update(shadowed ? cuda::element_type(range.shadow) : cuda::ElementType::kBFloat16,
                     {.parameters = cuda::read_and_write<float>(range.parameters),
                      .gradients = cuda::read_and_write<float>(range.gradients),
                      .first_moment = cuda::read_and_write<float>(range.first_moment),
                      .second_moment = cuda::read_and_write<float>(range.second_moment),
                      .shadow = cuda::write(range.shadow),
                      .size = range.parameters.size(0),
                      .shadowed = shadowed ? range.shadow.size(0) : 0,
                      .decayed = range.decayed},
                     numbers, cuda::read<float>(divisor), cuda::read<float>(skip), cuda::read<float>(updates),
                     cuda::OnDevice(range.parameters));
}

}  // namespace

void adamw_update(const AdamWTensors& range, const AdamWNumbers& numbers, const at::Tensor& divisor,
                  const at::Tensor& skip, const at::Tensor& updates) {
  const auto update = cuda::takes(range.parameters) ? update_on_cuda : reference::adamw_update;
  update(range, numbers, divisor, skip, updates);
}

namespace reference {

void adamw_update(const AdamWTensors& range, const AdamWNumbers& numbers, const at::Tensor& divisor,
                  const at::Tensor& skip, const at::Tensor& updates) {
  const auto update = [&](int64_t begin, int64_t end, double weight_decay) {
    if (begin >= end) return;
    const auto part = [&](const at::Tensor& x) { return std::vector<at::Tensor>{x.narrow(0, begin, end - begin)}; };
    at::_fused_adamw_(part(range.parameters), part(range.gradients), part(range.first_moment),
                      part(range.second_moment), {}, {updates}, numbers.learning_rate, numbers.beta1, numbers.beta2,
                      weight_decay, numbers.eps, /*amsgrad=*/false, /*maximize=*/false, divisor, skip);
  };
  update(0, range.decayed, numbers.weight_decay);
  update(range.decayed, range.parameters.size(0), 0.0);
  if (range.shadow.defined()) range.shadow.copy_(range.parameters.narrow(0, 0, range.shadow.size(0)));
  range.gradients.zero_();
}

}  // namespace reference
}  // namespace mm
