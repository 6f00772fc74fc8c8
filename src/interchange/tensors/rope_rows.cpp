// A transposition of the two axes that make up a head.
#include "interchange/tensors/rope_rows.h"

namespace mm {

bool has_rope_rows(std::string_view name) {
  for (const std::string_view part : {".q_proj.", ".k_proj.", ".q_norm.", ".k_norm."}) {
    if (name.find(part) != std::string_view::npos) return true;
  }
  return false;
}

at::Tensor reorder_rope_rows(const at::Tensor& tensor, std::string_view name, int64_t head_dim, std::string_view from,
                             std::string_view to) {
  if (from == to || !has_rope_rows(name)) return tensor;
  const int64_t heads = tensor.size(0) / head_dim;
  const bool deinterleave = to == "half_split";
  const at::Tensor halves = tensor.view({heads, deinterleave ? head_dim / 2 : 2, deinterleave ? 2 : head_dim / 2, -1});
  return halves.transpose(1, 2).reshape(tensor.sizes());
}

NamedTensors in_rope_layout(const NamedTensors& tensors, int64_t head_dim, std::string_view from, std::string_view to) {
  NamedTensors result;
  result.reserve(tensors.size());
  for (const auto& [name, tensor] : tensors) {
    result.emplace_back(name, reorder_rope_rows(tensor, name, head_dim, from, to));
  }
  return result;
}

}  // namespace mm
