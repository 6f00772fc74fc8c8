// Sending tokens to their experts and adding up what comes back. Sorted segments and gathers, no atomics: the same
// bytes every time. Axes: n tokens, s slots (top-k), e experts, r = n * s routed rows, d features.
#pragma once

#include <ATen/core/Tensor.h>

namespace mm {

/// Which token every routed row is a copy of, rows sorted by expert and, within one, by token.
struct DispatchPlan {
  at::Tensor token_of_row_r;  ///< [rows] int64
  at::Tensor slot_of_row_r;   ///< [rows] int64: token * slots + slot
  at::Tensor row_of_slot_ns;  ///< [tokens, slots] int64: its inverse
  at::Tensor ends_e;          ///< [experts] int32: one past the last row of each expert
};

/// experts_ns [tokens, slots] int64 in [0, num_experts). Never reads the device from the host.
DispatchPlan plan_dispatch(const at::Tensor& experts_ns, int64_t num_experts);

/// Row r is token token_of_row[r]. x_nd [tokens, d] -> [rows, d].
at::Tensor dispatch(const at::Tensor& x_nd, const DispatchPlan& plan);

/// out[n] = sum over slots of weights[n][s] * y[row_of_slot[n][s]], + addend[n]: what does not go by experts.
///   y_rd [rows, d] any float dtype, weights_ns [tokens, slots] fp32, addend_nd [tokens, d] in y's dtype or undefined;
///   returns [tokens, d] in y's dtype.
at::Tensor combine(const at::Tensor& y_rd, const at::Tensor& weights_ns, const DispatchPlan& plan,
                   const at::Tensor& addend_nd = {});

namespace reference {
at::Tensor dispatch(const at::Tensor& x_nd, const DispatchPlan& plan);
at::Tensor combine(const at::Tensor& y_rd, const at::Tensor& weights_ns, const DispatchPlan& plan,
                   const at::Tensor& addend_nd = {});
}  // namespace reference

}  // namespace mm
