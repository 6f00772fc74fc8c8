// SwiGLU: the definition in plain ATen, and one fused pass each way on the CPU and on CUDA.
#include "ops/swiglu.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/silu.h>

#include "ops/cpu/kernels.h"
#include "ops/cpu/rows.h"
#include "ops/cuda/launch.h"
#include "ops/own_gradient.h"

namespace mm {
namespace {

at::Tensor fused_swiglu(const at::Tensor& gate_up) {
  const auto forward = [&]() -> ForwardPass {
    const at::Tensor gate_up_n2i = gate_up.contiguous();
    const int64_t rows = gate_up_n2i.size(0), width = gate_up_n2i.size(1) / 2;
    at::Tensor y_ni = at::empty({rows, width}, gate_up_n2i.options());
    cpu::for_rows(rows, width, [&](int64_t begin, int64_t end) {
      cpu::swiglu_forward(gate_up_n2i.const_data_ptr<float>(), width, begin, end, y_ni.mutable_data_ptr<float>());
    });
    return {.outputs = {y_ni}, .saved = {gate_up_n2i}};
  };
  const auto backward = [](const BackwardPass& pass) -> std::vector<at::Tensor> {
    const at::Tensor &gate_up_n2i = pass.saved[0], dy_ni = pass.gradients[0].contiguous();
    at::Tensor dgate_up_n2i = at::empty_like(gate_up_n2i);
    const int64_t width = dy_ni.size(1);
    cpu::for_rows(dy_ni.size(0), width, [&](int64_t begin, int64_t end) {
      cpu::swiglu_backward(dy_ni.const_data_ptr<float>(), gate_up_n2i.const_data_ptr<float>(), width, begin, end,
                           dgate_up_n2i.mutable_data_ptr<float>());
    });
    return {dgate_up_n2i};
  };
  return own_gradient({gate_up}, forward, backward)[0];
}

at::Tensor swiglu_on_cuda(const at::Tensor& gate_up) {
  const auto forward = [&]() -> ForwardPass {
    const at::Tensor gate_up_n2i = gate_up.contiguous();
    const int64_t rows = gate_up_n2i.size(0), width = gate_up_n2i.size(1) / 2;
    at::Tensor y_ni = at::empty({rows, width}, gate_up_n2i.options());
    cuda::swiglu_forward(cuda::element_type(y_ni), cuda::read(gate_up_n2i), rows, width, cuda::write(y_ni),
                         cuda::OnDevice(y_ni));
    return {.outputs = {y_ni}, .saved = {gate_up_n2i}};
  };
  const auto backward = [](const BackwardPass& pass) -> std::vector<at::Tensor> {
    const at::Tensor &gate_up_n2i = pass.saved[0], dy_ni = pass.gradients[0].contiguous();
    at::Tensor dgate_up_n2i = at::empty_like(gate_up_n2i);
    cuda::swiglu_backward(cuda::element_type(dy_ni), cuda::read(dy_ni), cuda::read(gate_up_n2i), dy_ni.size(0),
                          dy_ni.size(1), cuda::write(dgate_up_n2i), cuda::OnDevice(dy_ni));
    return {dgate_up_n2i};
  };
  return own_gradient({gate_up}, forward, backward)[0];
}

}  // namespace

at::Tensor swiglu(const at::Tensor& gate_up_n2i) {
  if (cuda::takes(gate_up_n2i)) return swiglu_on_cuda(gate_up_n2i);
  if (cpu::is_fp32_cpu(gate_up_n2i)) return fused_swiglu(gate_up_n2i);
  return reference::swiglu(gate_up_n2i);
}

namespace reference {

at::Tensor swiglu(const at::Tensor& gate_up_n2i) {
  const std::vector<at::Tensor> halves = gate_up_n2i.chunk(2, -1);
  return at::silu(halves[0]) * halves[1];
}

}  // namespace reference
}  // namespace mm
