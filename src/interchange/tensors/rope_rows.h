// Rows of query and key projections in the order of one rotary layout or the other.
#pragma once

#include <ATen/core/Tensor.h>

#include <string_view>

#include "checkpoint/named_tensors.h"

namespace mm {

/// Whether rows of the tensor follow the rotary layout: q_proj, k_proj and their norms.
bool has_rope_rows(std::string_view huggingface_name);

/// The tensor `name` of a model with rotary layout `from` as one with layout `to` needs it: the same function of the
/// hidden states. Row 2i + j of each head (interleaved) is row j * head_dim / 2 + i (half_split). Anything else, and
/// equal layouts, give `tensor` itself.
///   head_dim  rows of one head
at::Tensor reorder_rope_rows(const at::Tensor& tensor, std::string_view name, int64_t head_dim, std::string_view from,
                             std::string_view to);

/// All tensors of a model, those without such rows as they are.
NamedTensors in_rope_layout(const NamedTensors& tensors, int64_t head_dim, std::string_view from, std::string_view to);

}  // namespace mm
