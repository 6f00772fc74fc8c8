// The norm of a flat buffer.
#pragma once

#include <ATen/core/Tensor.h>

namespace mm {

/// The L2 norm of a contiguous fp32 buffer whose size is a multiple of 1024: scalar fp32, left on the device.
/// Rows are summed in fp32 and the rows' norms in fp64: one running fp32 sum over 10^8 elements loses its small terms
/// (3e-5 of the norm at 4 * 10^5 elements already).
at::Tensor flat_norm(const at::Tensor& flat);

namespace reference {
/// The definition in plain ATen.
at::Tensor flat_norm(const at::Tensor& flat);
}  // namespace reference

}  // namespace mm
