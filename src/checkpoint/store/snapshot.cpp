#include "checkpoint/store/snapshot.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>

namespace mm {

at::Tensor Snapshot::copy_of_storage(const at::Tensor& tensor) {
  const at::Storage& storage = tensor.storage();
  if (const auto found = fresh_.find(storage.data()); found != fresh_.end()) return found->second;
  const auto bytes = static_cast<int64_t>(storage.nbytes());
  at::Tensor& copy = copies_[storage.data()];
  if (!copy.defined() || copy.numel() != bytes) copy = at::empty({bytes}, tensor.options().dtype(at::kByte));
  const at::Tensor whole = at::empty({0}, copy.options()).set_(storage, 0, {bytes}, {1});
  copy.copy_(whole, /*non_blocking=*/true);
  return fresh_[storage.data()] = copy;
}

NamedTensors Snapshot::take(const NamedTensors& tensors) {
  const at::NoGradGuard no_gradients;
  NamedTensors result;
  result.reserve(tensors.size());
  for (const auto& [name, tensor] : tensors) {
    const at::Tensor copy = copy_of_storage(tensor);
    result.emplace_back(name, at::empty({0}, tensor.options().requires_grad(false))
                                  .set_(copy.storage(), tensor.storage_offset(), tensor.sizes(), tensor.strides()));
  }
  return result;
}

}  // namespace mm
