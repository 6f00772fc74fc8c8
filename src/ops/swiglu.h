// The gated activation of the feed-forward.
#pragma once

#include <ATen/core/Tensor.h>

namespace mm {

/// silu(gate) * up with both halves joined in one tensor.
///   gate_up_n2i [rows, 2 * width]: gate, then up; returns [rows, width] in the same dtype.
/// Source: Shazeer 2020, arXiv 2002.05202.
at::Tensor swiglu(const at::Tensor& gate_up_n2i);

namespace reference {
at::Tensor swiglu(const at::Tensor& gate_up_n2i);
}  // namespace reference

}  // namespace mm
