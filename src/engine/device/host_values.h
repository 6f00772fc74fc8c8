// Numbers on their way from the device to a record.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace mm {

/// All values of a tensor of any type, row-major. Waits for the device.
inline std::vector<double> host_values(const at::Tensor& values) {
  const at::Tensor host = values.detach().to(at::kDouble).cpu().contiguous();
  const double* first = host.const_data_ptr<double>();
  return {first, first + host.numel()};
}

}  // namespace mm
