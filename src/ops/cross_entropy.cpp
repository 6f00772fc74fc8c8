// Cross entropy: the definition in plain ATen, and one fused pass each way on the CPU and on CUDA.
#include "ops/cross_entropy.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros_like.h>

#include "ops/cpu/kernels.h"
#include "ops/cpu/rows.h"
#include "ops/cuda/launch.h"
#include "ops/own_gradient.h"

namespace mm {
namespace {

std::vector<at::Tensor> cross_entropy_backward(const BackwardPass& pass) {
  const at::Tensor &logits_nv = pass.saved[0], &targets_n = pass.saved[1], &log_sum_exp_n = pass.saved[2];
  const at::Tensor dloss_n = pass.gradients[0].contiguous();
  at::Tensor dlogits_nv = at::empty_like(logits_nv);
  const int64_t v = logits_nv.size(1);
  cpu::for_rows(logits_nv.size(0), v, [&](int64_t begin, int64_t end) {
    cpu::cross_entropy_backward(dloss_n.const_data_ptr<float>(), logits_nv.const_data_ptr<float>(),
                                targets_n.const_data_ptr<int64_t>(), log_sum_exp_n.const_data_ptr<float>(), v, begin,
                                end, dlogits_nv.mutable_data_ptr<float>());
  });
  return {dlogits_nv};
}

at::Tensor fused_cross_entropy(const at::Tensor& logits, const at::Tensor& targets) {
  const auto forward = [&]() -> ForwardPass {
    const at::Tensor logits_nv = logits.contiguous(), targets_n = targets.contiguous();
    const int64_t rows = logits_nv.size(0), v = logits_nv.size(1);
    at::Tensor loss_n = at::empty({rows}, logits_nv.options());
    at::Tensor log_sum_exp_n = at::empty({rows}, logits_nv.options());
    cpu::for_rows(rows, v, [&](int64_t begin, int64_t end) {
      cpu::cross_entropy_forward(logits_nv.const_data_ptr<float>(), targets_n.const_data_ptr<int64_t>(), v, begin, end,
                                 loss_n.mutable_data_ptr<float>(), log_sum_exp_n.mutable_data_ptr<float>());
    });
    return {.outputs = {loss_n}, .saved = {logits_nv, targets_n, log_sum_exp_n}};
  };
  return own_gradient({logits}, forward, cross_entropy_backward)[0];
}

std::vector<at::Tensor> cross_entropy_backward_on_cuda(const BackwardPass& pass, bool in_place) {
  const at::Tensor &logits_nv = pass.saved[0], &targets_n = pass.saved[1], &log_sum_exp_n = pass.saved[2];
  const at::Tensor dloss_n = pass.gradients[0].contiguous();
  const at::Tensor dlogits_nv = in_place ? logits_nv.detach() : at::empty_like(logits_nv);
  cuda::cross_entropy_backward(cuda::element_type(logits_nv), cuda::read<float>(dloss_n), cuda::read(logits_nv),
                               cuda::read<int64_t>(targets_n), cuda::read<float>(log_sum_exp_n), logits_nv.size(0),
                               logits_nv.size(1), cuda::write(dlogits_nv), cuda::OnDevice(logits_nv));
  return {dlogits_nv};
}

at::Tensor cross_entropy_on_cuda(const at::Tensor& logits, const at::Tensor& targets) {
  const auto forward = [&]() -> ForwardPass {
    const at::Tensor logits_nv = logits.contiguous(), targets_n = targets.contiguous();
    const int64_t rows = logits_nv.size(0), v = logits_nv.size(1);
    const at::Tensor loss_n = at::empty({rows}, logits_nv.options().dtype(at::kFloat)),
                     log_sum_exp_n = at::empty_like(loss_n);
    cuda::cross_entropy_forward(cuda::element_type(logits_nv), cuda::read(logits_nv), cuda::read<int64_t>(targets_n),
                                rows, v, cuda::write<float>(loss_n), cuda::write<float>(log_sum_exp_n),
                                cuda::OnDevice(logits_nv));
    return {.outputs = {loss_n}, .saved = {logits_nv, targets_n, log_sum_exp_n}};
  };
  const bool in_place = !logits.is_leaf();
  const auto backward = [=](const BackwardPass& pass) { return cross_entropy_backward_on_cuda(pass, in_place); };
  return own_gradient({logits}, forward, backward)[0];
}

}  // namespace

at::Tensor cross_entropy(const at::Tensor& logits_nv, const at::Tensor& targets_n) {
  if (cuda::takes(logits_nv)) return cross_entropy_on_cuda(logits_nv, targets_n);
  if (cpu::is_fp32_cpu(logits_nv)) return fused_cross_entropy(logits_nv, targets_n);
  return reference::cross_entropy(logits_nv, targets_n);
}

namespace reference {

at::Tensor cross_entropy(const at::Tensor& logits_nv, const at::Tensor& targets_n) {
  const at::Tensor log_probabilities_nv = at::log_softmax(logits_nv, -1, at::kFloat);
  const at::Tensor chosen_n = log_probabilities_nv.gather(1, targets_n.clamp_min(0).unsqueeze(1)).squeeze(1);
  return at::where(targets_n < 0, at::zeros_like(chosen_n), -chosen_n);
}

}  // namespace reference
}  // namespace mm
