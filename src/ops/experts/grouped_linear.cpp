// One product per expert, or on a GPU one for all of them, LibTorch's or ours. On the CPU threads share
// the experts' rows: a single expert's product is too small to be cut by MKL without loss, and every cut makes all
// threads wait for each other.
#include "ops/experts/grouped_linear.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/_grouped_mm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "ops/cpu/parallel.h"
#include "ops/cuda/launch.h"
#include "ops/linear.h"
#include "ops/own_gradient.h"

namespace mm {
namespace {

/// What a thread multiplies at a time: rows, and output features of a weight whose gradient it adds to. Large enough
/// for the product to run at full speed, small enough for all threads to end together.
constexpr int64_t kBlockRows = 256, kBlockFeatures = 128;

std::optional<GroupedBackend> preferred;

/// Rows of one expert.
struct RowBlock {
  int64_t expert, begin, rows;
  at::Tensor of(const at::Tensor& x_ri) const { return x_ri.narrow(0, begin, rows); }
};

/// All rows, at most `most_rows` in a block.
std::vector<RowBlock> row_blocks(const at::Tensor& ends_e, int64_t most_rows) {
  std::vector<RowBlock> blocks;
  const int32_t* ends = ends_e.const_data_ptr<int32_t>();
  int64_t begin = 0;
  for (int64_t expert = 0; expert < ends_e.size(0); ++expert) {
    for (; begin < ends[expert]; begin += blocks.back().rows) {
      blocks.push_back({expert, begin, std::min<int64_t>(ends[expert] - begin, most_rows)});
    }
  }
  return blocks;
}

/// All rows, a block for each expert that has some.
std::vector<RowBlock> expert_rows(const at::Tensor& ends_e) {
  return row_blocks(ends_e, std::numeric_limits<int64_t>::max());
}

/// Calls product(task) for every task: one alone has all threads to itself, of several each has one. A GPU takes them
/// in turn.
template <class Product>
void for_products(const at::Tensor& x, int64_t tasks, const Product& product) {
  if (tasks == 1) return product(0);
  if (cuda::takes(x)) {
    for (int64_t task = 0; task < tasks; ++task) product(task);
    return;
  }
  cpu::parallel_tasks(tasks, [&](int64_t task) {
    const at::NoGradGuard no_gradients;  // a setting of each thread
    product(task);
  });
}

/// Calls multiply(block) for all rows of x.
template <class Multiply>
void for_row_blocks(const at::Tensor& x, const at::Tensor& ends_e, const Multiply& multiply) {
  std::vector<RowBlock> blocks = expert_rows(ends_e);
  if (blocks.size() > 1 && !cuda::takes(x)) blocks = row_blocks(ends_e, kBlockRows);
  for_products(x, std::ssize(blocks), [&](int64_t task) { multiply(blocks[static_cast<size_t>(task)]); });
}

void add_weight_gradients(const at::Tensor& grad_eoi, const at::Tensor& dy_ro, const at::Tensor& x_ri,
                          const at::Tensor& ends_e) {
  const std::vector<RowBlock> experts = expert_rows(ends_e);
  const int64_t features = grad_eoi.size(1);
  const bool whole = experts.size() == 1 || cuda::takes(x_ri);
  const int64_t parts = whole ? 1 : (features + kBlockFeatures - 1) / kBlockFeatures;
  for_products(x_ri, std::ssize(experts) * parts, [&](int64_t task) {
    const RowBlock& rows = experts[static_cast<size_t>(task / parts)];
    const int64_t part = task % parts, begin = features * part / parts, end = features * (part + 1) / parts;
    at::Tensor grad_oi = grad_eoi.select(0, rows.expert).slice(0, begin, end);
    add_weight_gradient(grad_oi, rows.of(dy_ro).slice(1, begin, end), rows.of(x_ri));
  });
}

std::vector<at::Tensor> grouped_linear_backward(const BackwardPass& pass) {
  const at::Tensor &x_ri = pass.saved[0], &weight_eoi = pass.saved[1], &ends_e = pass.saved[2];
  const at::Tensor dy_ro = pass.gradients[0].contiguous();
  at::Tensor dx_ri, dw_eoi;
  if (pass.wanted[0]) {
    dx_ri = at::empty_like(x_ri);
    for_row_blocks(x_ri, ends_e, [&](const RowBlock& block) {
      at::Tensor out = block.of(dx_ri);
      at::mm_out(out, block.of(dy_ro), weight_eoi.select(0, block.expert));
    });
  }
  if (pass.wanted[1]) {
    if (!weight_eoi.grad().defined()) dw_eoi = at::zeros_like(weight_eoi);
    add_weight_gradients(dw_eoi.defined() ? dw_eoi : weight_eoi.grad(), dy_ro, x_ri, ends_e);
  }
  return {dx_ri, dw_eoi};
}

/// Works on slices: no copy of rows or weights. `ends_e` is on the host.
at::Tensor by_blocks(const at::Tensor& x_ri, const at::Tensor& weight_eoi, const at::Tensor& ends_e) {
  const auto forward = [&]() -> ForwardPass {
    const at::Tensor y_ro = at::empty({x_ri.size(0), weight_eoi.size(1)}, x_ri.options());
    for_row_blocks(x_ri, ends_e, [&](const RowBlock& block) {
      at::Tensor out = block.of(y_ro);
      at::mm_out(out, block.of(x_ri), weight_eoi.select(0, block.expert).t());
    });
    return {.outputs = {y_ro}, .saved = {x_ri, weight_eoi, ends_e}};
  };
  return own_gradient({x_ri, weight_eoi}, forward, grouped_linear_backward)[0];
}

std::vector<at::Tensor> grouped_mm_backward(const BackwardPass& pass) {
  const at::Tensor &x_ri = pass.saved[0], &weight_eoi = pass.saved[1], &ends_e = pass.saved[2];
  const at::Tensor dy_ro = pass.gradients[0].contiguous();
  at::Tensor dx_ri, dw_eoi;
  if (pass.wanted[0]) dx_ri = at::_grouped_mm(dy_ro, weight_eoi, ends_e);
  if (pass.wanted[1]) {
    // LibTorch leaves it in the type of its factors.
    dw_eoi = at::_grouped_mm(dy_ro.t(), x_ri, ends_e);
    if (const at::Tensor& sum_eoi = weight_eoi.grad(); sum_eoi.defined()) {
      cuda::add_experts(cuda::element_type(dw_eoi), cuda::read(dw_eoi), cuda::read<int32_t>(ends_e), dw_eoi.size(0),
                        dw_eoi.size(1) * dw_eoi.size(2), cuda::read_and_write<float>(sum_eoi), cuda::OnDevice(sum_eoi));
      dw_eoi.reset();
    }
  }
  return {dx_ri, dw_eoi};
}

at::Tensor by_grouped_mm(const at::Tensor& x_ri, const at::Tensor& weight_eoi, const at::Tensor& ends_e) {
  const auto forward = [&]() -> ForwardPass {
    return {.outputs = {at::_grouped_mm(x_ri, weight_eoi.transpose(1, 2), ends_e)},
            .saved = {x_ri, weight_eoi, ends_e}};
  };
  return own_gradient({x_ri, weight_eoi}, forward, grouped_mm_backward)[0];
}

/// Whether a kernel can take 16 bytes at a time from where it begins.
bool is_aligned(const at::Tensor& x) {
  return x.is_contiguous() && (x.is_meta() || reinterpret_cast<uintptr_t>(x.const_data_ptr()) % 16 == 0);
}

cuda::ExpertRows rows_of(const at::Tensor& x_ri, const at::Tensor& ends_e) {
  return {cuda::read<int32_t>(ends_e), ends_e.size(0), x_ri.size(0)};
}

std::vector<at::Tensor> tensor_cores_backward(const BackwardPass& pass) {
  const at::Tensor &x_ri = pass.saved[0], &weight_eoi = pass.saved[1], &ends_e = pass.saved[2];
  at::Tensor dy_ro = pass.gradients[0].contiguous();
  if (!is_aligned(dy_ro)) dy_ro = dy_ro.clone();
  const cuda::OnDevice device(x_ri);
  const cuda::ElementType type = cuda::element_type(x_ri);
  const int64_t in = weight_eoi.size(2), out = weight_eoi.size(1);
  at::Tensor dx_ri, dw_eoi;
  if (pass.wanted[0]) {
    dx_ri = at::empty_like(x_ri);
    cuda::grouped_linear_input_gradient(type, cuda::read(dy_ro), cuda::read(weight_eoi), rows_of(x_ri, ends_e), in, out,
                                        cuda::write(dx_ri), device);
  }
  if (pass.wanted[1]) {
    const at::Tensor& sum_eoi = weight_eoi.grad();
    const bool adds = sum_eoi.defined() && sum_eoi.scalar_type() == at::kFloat && is_aligned(sum_eoi);
    if (!adds) dw_eoi = at::empty_like(weight_eoi);
    cuda::grouped_linear_weight_gradient(type, cuda::read(dy_ro), cuda::read(x_ri), rows_of(x_ri, ends_e), in, out,
                                         adds ? cuda::read_and_write<float>(sum_eoi) : nullptr, cuda::write(dw_eoi),
                                         device);
  }
  return {dx_ri, dw_eoi};
}

at::Tensor by_tensor_cores(const at::Tensor& x_ri, const at::Tensor& weight_eoi, const at::Tensor& ends_e) {
  const auto forward = [&]() -> ForwardPass {
    const at::Tensor y_ro = at::empty({x_ri.size(0), weight_eoi.size(1)}, x_ri.options());
    cuda::grouped_linear_forward(cuda::element_type(x_ri), cuda::read(x_ri), cuda::read(weight_eoi),
                                 rows_of(x_ri, ends_e), weight_eoi.size(2), weight_eoi.size(1), cuda::write(y_ro),
                                 cuda::OnDevice(x_ri));
    return {.outputs = {y_ro}, .saved = {x_ri, weight_eoi, ends_e}};
  };
  return own_gradient({x_ri, weight_eoi}, forward, tensor_cores_backward)[0];
}

}  // namespace

void prefer_grouped_backend(std::optional<GroupedBackend> backend) {
  preferred = backend;
}

std::string_view name_of(GroupedBackend backend) {
  switch (backend) {
    case GroupedBackend::kByExpert:
      return "by_expert";
    case GroupedBackend::kGroupedMm:
      return "grouped_mm";
    case GroupedBackend::kTensorCores:
      return "tensor_cores";
  }
  return "";
}

std::vector<GroupedBackend> grouped_backends(const at::Tensor& x_ri, const at::Tensor& weight_eoi) {
  std::vector<GroupedBackend> backends;
  if (cuda::takes(x_ri) && x_ri.scalar_type() != at::kFloat) {
    const cuda::OnDevice device(x_ri);
    const int generation = cuda::compute_capability() / 10;
    const bool is_bf16 = x_ri.scalar_type() == at::kBFloat16;
    if (is_bf16 && (generation == 9 || generation == 10)) backends.push_back(GroupedBackend::kGroupedMm);
    const bool has_kernel = generation >= 8 && cuda::takes_grouped_linear(weight_eoi.size(2), weight_eoi.size(1));
    if (has_kernel && is_aligned(x_ri) && is_aligned(weight_eoi)) backends.push_back(GroupedBackend::kTensorCores);
  }
  backends.push_back(GroupedBackend::kByExpert);
  const auto first = std::find(backends.begin(), backends.end(), preferred);
  if (first != backends.end()) std::rotate(backends.begin(), first, first + 1);
  return backends;
}

at::Tensor grouped_linear(const at::Tensor& x_ri, const at::Tensor& weight_eoi, const RowEnds& ends,
                          GroupedBackend backend) {
  switch (backend) {
    case GroupedBackend::kGroupedMm:
      return by_grouped_mm(x_ri, weight_eoi, ends.on_device());
    case GroupedBackend::kTensorCores:
      return by_tensor_cores(x_ri, weight_eoi, ends.on_device());
    case GroupedBackend::kByExpert:
      break;
  }
  return by_blocks(x_ri, weight_eoi, ends.on_host());
}

at::Tensor grouped_linear(const at::Tensor& x_ri, const at::Tensor& weight_eoi, const RowEnds& ends) {
  return grouped_linear(x_ri, weight_eoi, ends, grouped_backends(x_ri, weight_eoi).front());
}

namespace reference {

at::Tensor grouped_linear(const at::Tensor& x_ri, const at::Tensor& weight_eoi, const at::Tensor& ends_e) {
  const at::Tensor host_ends = ends_e.cpu();
  std::vector<at::Tensor> outputs;
  int64_t begin = 0;
  for (int64_t expert = 0; expert < weight_eoi.size(0); ++expert) {
    const int64_t end = host_ends.const_data_ptr<int32_t>()[expert];
    outputs.push_back(at::linear(x_ri.slice(0, begin, end), weight_eoi.select(0, expert)));
    begin = end;
  }
  return at::cat(outputs);
}

}  // namespace reference
}  // namespace mm
