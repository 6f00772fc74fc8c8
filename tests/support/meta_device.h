// What a step needs of LibTorch's meta device, whose tensors have a shape and no memory. For one file of a program.
#pragma once

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <torch/library.h>

#include <algorithm>
#include <vector>

#include "tests/support/sixteen_bit_product.h"

namespace mm {
namespace {

/// Stands in for what LibTorch knows of the meta device in Python alone: runs an op on zeros of the CPU, for the shape
/// of its results.
void run_on_zeros(const c10::OperatorHandle& op, std::vector<c10::IValue>* stack) {
  const c10::FunctionSchema& schema = op.schema();
  const size_t first = stack->size() - schema.arguments().size();
  const std::vector<c10::IValue> given(stack->begin() + static_cast<std::ptrdiff_t>(first), stack->end());
  const auto zeros = [](const at::Tensor& x) {
    if (!x.defined() || !x.is_meta()) return x;
    int64_t extent = 1;
    for (int64_t axis = 0; axis < x.dim(); ++axis) extent += std::max<int64_t>(x.size(axis) - 1, 0) * x.stride(axis);
    return at::zeros({extent}, x.options().device(at::kCPU)).as_strided(x.sizes(), x.strides());
  };
  stack->resize(first);
  for (const c10::IValue& value : given) {
    if (value.isTensor()) {
      stack->emplace_back(zeros(value.toTensor()));
    } else if (value.isTensorList()) {
      std::vector<at::Tensor> on_host;
      for (const at::Tensor& x : value.toTensorVector()) on_host.push_back(zeros(x));
      stack->emplace_back(on_host);
    } else {
      stack->push_back(value);
    }
  }
  op.callBoxed(stack);
  for (size_t i = first; i < stack->size(); ++i) {
    if (!(*stack)[i].isTensor()) continue;
    const at::Tensor x = (*stack)[i].toTensor();
    at::Tensor result = at::empty(x.sizes(), x.options().device(at::kMeta));
    for (size_t j = 0; j < given.size(); ++j) {  // or what is written
      const c10::AliasInfo* written = schema.arguments()[j].alias_info();
      if (written != nullptr && written->isWrite()) result = given[j].toTensor().resize_(x.sizes());
    }
    (*stack)[i] = result;
  }
}

}  // namespace
}  // namespace mm

TORCH_LIBRARY_IMPL(aten, Meta, library) {
  for (const char* op : {"_fused_adamw_", "_grouped_mm", "abs.out", "addmm.dtype_out", "dot",
                         "embedding_dense_backward", "floor_divide", "index_select", "logical_not.out",
                         "nan_to_num.out", "where.self", "where.self_out", "logical_or.out", "searchsorted.Tensor"}) {
    library.impl(op, torch::CppFunction::makeFromBoxedFunction<&mm::run_on_zeros>());
  }
}
