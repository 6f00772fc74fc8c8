// Flat buffers, and tensors that are parts of them.
#include "model/parameters/parameters.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <c10/util/accumulate.h>

#include <map>

namespace mm {
namespace {

/// A part of a flat buffer as a tensor of its own, with its own version counter: an update of one parameter must not
/// look like a change of all others to autograd, as it would with `narrow`.
at::Tensor part_of(const at::Tensor& flat, int64_t offset, at::IntArrayRef shape, at::IntArrayRef strides) {
  at::Tensor part = at::empty({0}, flat.options());
  part.set_(flat.storage(), offset, shape, strides);
  return part;
}

std::vector<int64_t> contiguous_strides(const std::vector<int64_t>& shape) {
  std::vector<int64_t> strides(shape.size(), 1);
  for (size_t axis = shape.size() - 1; axis > 0; --axis) strides[axis - 1] = strides[axis] * shape[axis];
  return strides;
}

/// Aligning stored tensors leaves gaps that nobody writes, but that passes over the whole buffer read.
void zero_gaps(const at::Tensor& flat, const ParameterLayout& layout) {
  std::map<int64_t, int64_t> end_of;  // by offset: `stored` is in the order of the layers
  for (const StoredTensor& stored : layout.stored) {
    end_of[stored.offset] = stored.offset + c10::multiply_integers(stored.shape);
  }
  int64_t gap = 0;
  for (const auto& [begin, end] : end_of) {
    flat.slice(0, gap, begin).zero_();
    gap = end;
  }
  flat.slice(0, gap).zero_();
}

}  // namespace

Parameters::Parameters(const ModelConfig& config, at::Device device, at::ScalarType compute_type, bool trainable,
                       const ExpertShare& experts)
    : experts_(experts),
      layout_(parameter_layout(config, experts.range)),
      router_bias_names_(router_bias_names(config)),
      router_state_(make_router_state(config, device)),
      compute_type_(compute_type),
      trainable_(trainable) {
  const at::TensorOptions options = at::TensorOptions().dtype(at::kFloat).device(device);
  master_ = at::empty({layout_.size}, options);
  zero_gaps(master_, layout_);
  if (compute_type_ != at::kFloat) shadow_ = at::empty({layout_.matrix_end}, options.dtype(compute_type_));
  if (trainable_) gradient_ = at::zeros({layout_.size}, options);
}

at::Tensor Parameters::leaf(const std::string& stored_name) const {
  const StoredTensor& stored = layout_.find(stored_name);
  const std::vector<int64_t> strides = contiguous_strides(stored.shape);
  const bool shadowed = shadow_.defined() && stored.kind == ParameterKind::kMatrix;
  at::Tensor leaf = part_of(shadowed ? shadow_ : master_, stored.offset, stored.shape, strides);
  if (trainable_) {
    leaf.set_requires_grad(true);
    if (shadowed) leaf.set_grad_dtype(at::kFloat);
    leaf.mutable_grad() = part_of(gradient_, stored.offset, stored.shape, strides);
  }
  return leaf;
}

void Parameters::refresh_shadow() {
  if (shadow_.defined()) shadow_.copy_(master_.narrow(0, 0, layout_.matrix_end));
}

std::vector<std::pair<std::string, at::Tensor>> Parameters::named(const at::Tensor& flat, int64_t begin) const {
  std::vector<std::pair<std::string, at::Tensor>> tensors;
  tensors.reserve(layout_.named.size());
  const int64_t end = begin + flat.size(0);
  for (const NamedSlice& slice : layout_.named) {
    if (slice.offset < begin || slice.offset >= end) continue;
    tensors.emplace_back(slice.name,
                         part_of(flat, flat.storage_offset() + slice.offset - begin, slice.shape, slice.strides));
  }
  return tensors;
}

std::vector<std::pair<std::string, at::Tensor>> Parameters::tensors_of(const at::Tensor& flat,
                                                                       const at::Tensor& bias_le) const {
  auto tensors = named(flat);
  for (size_t layer = 0; layer < router_bias_names_.size(); ++layer) {
    tensors.emplace_back(router_bias_names_[layer], bias_le.select(0, static_cast<int64_t>(layer)));
  }
  return tensors;
}

}  // namespace mm
