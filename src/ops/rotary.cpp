// Heads out of joined projections: the definition in plain ATen, and one fused pass each way on the CPU and on CUDA.
#include "ops/rotary.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/full.h>
#include <ATen/ops/outer.h>
#include <ATen/ops/stack.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "ops/cpu/kernels.h"
#include "ops/cpu/rows.h"
#include "ops/cuda/launch.h"
#include "ops/own_gradient.h"
#include "ops/rms_norm.h"

namespace mm {
namespace {

cpu::HeadShape head_shape(const at::Tensor& qkv_btw, const HeadOptions& options, int64_t heads) {
  return {heads, options.head_dim, qkv_btw.size(2), qkv_btw.size(1), options.layout == RopeLayout::kInterleaved};
}

/// Queries and keys: the same work at different places of a row. Values are copied out.
ForwardPass rotary_forward(const at::Tensor& qkv, const at::Tensor& q_norm_c, const at::Tensor& k_norm_c,
                           const RopeTable& table, const HeadOptions& options) {
  const at::Tensor qkv_btw = qkv.contiguous();
  const int64_t batch = qkv_btw.size(0), time = qkv_btw.size(1), rows = batch * time, c = options.head_dim;
  const int64_t q_width = options.heads * c, k_width = options.key_value_heads * c;
  const at::Tensor q_bthc = at::empty({batch, time, options.heads, c}, qkv_btw.options());
  const at::Tensor k_btkc = at::empty({batch, time, options.key_value_heads, c}, qkv_btw.options());
  const at::Tensor v_btkc = qkv_btw.narrow(2, q_width + k_width, k_width).reshape(k_btkc.sizes()).clone();
  const auto turn = [&](const at::Tensor& norm, int64_t heads, int64_t place, const at::Tensor& y) {
    at::Tensor inverse_rms = at::empty({norm.defined() ? rows * heads : 0}, qkv_btw.options());
    const float* w = norm.defined() ? norm.const_data_ptr<float>() : nullptr;
    cpu::for_rows(rows, heads * c, [&](int64_t begin, int64_t end) {
      cpu::rotary_forward(head_shape(qkv_btw, options, heads), qkv_btw.const_data_ptr<float>() + place, w,
                          static_cast<float>(options.norm_eps), table.cosine_tf.const_data_ptr<float>(),
                          table.sine_tf.const_data_ptr<float>(), begin, end, y.mutable_data_ptr<float>(),
                          inverse_rms.mutable_data_ptr<float>());
    });
    return inverse_rms;
  };
  const at::Tensor q_inverse_rms = turn(q_norm_c, options.heads, 0, q_bthc);
  const at::Tensor k_inverse_rms = turn(k_norm_c, options.key_value_heads, q_width, k_btkc);
  return {.outputs = {q_bthc, k_btkc, v_btkc},
          .saved = {qkv_btw, q_norm_c, k_norm_c, table.cosine_tf, table.sine_tf, q_inverse_rms, k_inverse_rms}};
}

std::vector<at::Tensor> rotary_backward(const BackwardPass& pass, const HeadOptions& options) {
  const at::Tensor &qkv_btw = pass.saved[0], &cosine_tf = pass.saved[3], &sine_tf = pass.saved[4];
  const int64_t rows = qkv_btw.size(0) * qkv_btw.size(1), c = options.head_dim;
  const int64_t q_width = options.heads * c, k_width = options.key_value_heads * c;

  at::Tensor dqkv_btw = at::empty_like(qkv_btw);
  const auto turn_back = [&](const at::Tensor& dy, const at::Tensor& norm, const at::Tensor& inverse_rms, int64_t heads,
                             int64_t place) {
    const at::Tensor dy_contiguous = dy.contiguous();
    const float* w = norm.defined() ? norm.const_data_ptr<float>() : nullptr;
    const at::Tensor dw_c = cpu::sum_over_rows(rows, c, qkv_btw.options(), [&](int64_t begin, int64_t end, float* dw) {
      cpu::rotary_backward(head_shape(qkv_btw, options, heads), dy_contiguous.const_data_ptr<float>(),
                           qkv_btw.const_data_ptr<float>() + place, w, inverse_rms.const_data_ptr<float>(),
                           cosine_tf.const_data_ptr<float>(), sine_tf.const_data_ptr<float>(), begin, end,
                           dqkv_btw.mutable_data_ptr<float>() + place, dw);
    });
    return norm.defined() ? dw_c : at::Tensor();
  };
  const at::Tensor dq_norm_c = turn_back(pass.gradients[0], pass.saved[1], pass.saved[5], options.heads, 0);
  const at::Tensor dk_norm_c =
      turn_back(pass.gradients[1], pass.saved[2], pass.saved[6], options.key_value_heads, q_width);
  dqkv_btw.narrow(2, q_width + k_width, k_width)
      .copy_(pass.gradients[2].reshape({qkv_btw.size(0), qkv_btw.size(1), k_width}));
  return {dqkv_btw, dq_norm_c, dk_norm_c};
}

cuda::JoinedHeads joined_heads(const at::Tensor& qkv_btw, const HeadOptions& options) {
  return {.rows = qkv_btw.size(0) * qkv_btw.size(1),
          .time = qkv_btw.size(1),
          .heads = options.heads,
          .key_value_heads = options.key_value_heads,
          .c = options.head_dim,
          .eps = static_cast<float>(options.norm_eps),
          .interleaved = options.layout == RopeLayout::kInterleaved};
}

std::vector<at::Tensor> rotary_backward_on_cuda(const BackwardPass& pass, const HeadOptions& options) {
  const at::Tensor &qkv_btw = pass.saved[0], &q_norm_c = pass.saved[1], &k_norm_c = pass.saved[2];
  const at::Tensor &cosine_tf = pass.saved[3], &sine_tf = pass.saved[4];
  const at::Tensor dq = pass.gradients[0].contiguous(), dk = pass.gradients[1].contiguous(),
                   dv = pass.gradients[2].contiguous();
  const cuda::JoinedHeads shape = joined_heads(qkv_btw, options);
  const at::Tensor dqkv_btw = at::empty_like(qkv_btw);
  at::Tensor norm_partial;
  if (q_norm_c.defined() || k_norm_c.defined()) {
    norm_partial = at::empty({2, cuda::partial_sums(shape.rows), shape.c}, cosine_tf.options());
  }
  cuda::rotary_backward(cuda::element_type(dqkv_btw), shape, cuda::read(dq), cuda::read(dk), cuda::read(dv),
                        cuda::read(qkv_btw), cuda::read<float>(q_norm_c), cuda::read<float>(k_norm_c),
                        cuda::read<float>(cosine_tf), cuda::read<float>(sine_tf), cuda::write(dqkv_btw),
                        cuda::write<float>(norm_partial), cuda::OnDevice(qkv_btw));
  const at::Tensor dnorm_2c = norm_partial.defined() ? norm_partial.sum(1) : at::Tensor();
  return {dqkv_btw, q_norm_c.defined() ? dnorm_2c[0] : at::Tensor(), k_norm_c.defined() ? dnorm_2c[1] : at::Tensor()};
}

/// Values stay where they are: a view.
Heads rotary_heads_on_cuda(const at::Tensor& qkv, const at::Tensor& q_norm_c, const at::Tensor& k_norm_c,
                           const RopeTable& table, const HeadOptions& options) {
  const auto forward = [&]() -> ForwardPass {
    const at::Tensor qkv_btw = qkv.contiguous();
    const int64_t batch = qkv_btw.size(0), time = qkv_btw.size(1), c = options.head_dim;
    const at::Tensor q_bthc = at::empty({batch, time, options.heads, c}, qkv_btw.options());
    const at::Tensor k_btkc = at::empty({batch, time, options.key_value_heads, c}, qkv_btw.options());
    cuda::rotary_forward(cuda::element_type(qkv_btw), joined_heads(qkv_btw, options), cuda::read(qkv_btw),
                         cuda::read<float>(q_norm_c), cuda::read<float>(k_norm_c), cuda::read<float>(table.cosine_tf),
                         cuda::read<float>(table.sine_tf), cuda::write(q_bthc), cuda::write(k_btkc),
                         cuda::OnDevice(qkv_btw));
    const int64_t width = options.key_value_heads * c;
    const at::Tensor v_btkc = qkv_btw.detach().narrow(2, qkv_btw.size(2) - width, width).view(k_btkc.sizes());
    return {.outputs = {q_bthc, k_btkc, v_btkc},
            .saved = {qkv_btw, q_norm_c, k_norm_c, table.cosine_tf, table.sine_tf}};
  };
  const auto backward = [options](const BackwardPass& pass) { return rotary_backward_on_cuda(pass, options); };
  const std::vector<at::Tensor> heads = own_gradient({qkv, q_norm_c, k_norm_c}, forward, backward);
  return {heads[0], heads[1], heads[2]};
}

/// x_bthc turned by the table; fp32 inside.
at::Tensor rotate(const at::Tensor& x_bthc, const RopeTable& table, RopeLayout layout) {
  const int64_t time = x_bthc.size(1);
  const at::Tensor cosine = table.cosine_tf.narrow(0, 0, time).unsqueeze(1);  // [t, 1, f]
  const at::Tensor sine = table.sine_tf.narrow(0, 0, time).unsqueeze(1);
  const at::Tensor x = x_bthc.to(at::kFloat);
  if (layout == RopeLayout::kInterleaved) {
    const at::Tensor even = x.slice(-1, 0, std::nullopt, 2), odd = x.slice(-1, 1, std::nullopt, 2);
    return at::stack({even * cosine - odd * sine, even * sine + odd * cosine}, -1).flatten(-2).to(x_bthc.scalar_type());
  }
  const std::vector<at::Tensor> half = x.chunk(2, -1);
  return at::cat({half[0] * cosine - half[1] * sine, half[0] * sine + half[1] * cosine}, -1).to(x_bthc.scalar_type());
}

/// How far the frequency of each pair is to be divided: 0 of fast ones, 1 of slow ones. [c / 2]
at::Tensor slow_share(int64_t head_dim, double theta, const RopeScaling& scaling, const at::TensorOptions& options) {
  const auto c = static_cast<double>(head_dim);
  // The number of the pair that turns so often in the original length.
  const auto pair_of = [&](double turns) {
    return c * std::log(scaling.original_length / (turns * 2 * std::numbers::pi)) / (2 * std::log(theta));
  };
  const double low = std::max(std::floor(pair_of(scaling.beta_fast)), 0.0);
  const double high = std::min(std::ceil(pair_of(scaling.beta_slow)), c - 1);
  return ((at::arange(head_dim / 2, options) - low) / std::max(high - low, 1e-3)).clamp(0, 1);
}

}  // namespace

RopeTable make_rope_table(int64_t time, int64_t head_dim, double theta, at::Device device, const RopeScaling& scaling) {
  const auto options = at::TensorOptions().dtype(at::kFloat);
  const at::Tensor exponent_f = at::arange(0, head_dim, 2, options) / static_cast<double>(head_dim);
  at::Tensor frequency_f = at::full({}, theta, options).pow(exponent_f).reciprocal();
  if (scaling.factor != 1) {
    const at::Tensor slow_f = slow_share(head_dim, theta, scaling, options);
    frequency_f = frequency_f * (1 - slow_f + slow_f / scaling.factor);
  }
  const at::Tensor angle_tf = at::outer(at::arange(time, options), frequency_f);
  RopeTable table = {angle_tf.cos(), angle_tf.sin()};
  if (scaling.attention_factor != 1) {
    table = {table.cosine_tf * scaling.attention_factor, table.sine_tf * scaling.attention_factor};
  }
  return {table.cosine_tf.to(device), table.sine_tf.to(device)};
}

Heads rotary_heads(const at::Tensor& qkv_btw, const at::Tensor& q_norm_c, const at::Tensor& k_norm_c,
                   const RopeTable& table, const HeadOptions& options) {
  if (cuda::takes(qkv_btw) && cuda::takes_head_width(options.head_dim)) {
    return rotary_heads_on_cuda(qkv_btw, q_norm_c, k_norm_c, table, options);
  }
  if (!cpu::is_fp32_cpu(qkv_btw)) return reference::rotary_heads(qkv_btw, q_norm_c, k_norm_c, table, options);
  const auto forward = [&] { return rotary_forward(qkv_btw, q_norm_c, k_norm_c, table, options); };
  const auto backward = [options](const BackwardPass& pass) { return rotary_backward(pass, options); };
  const std::vector<at::Tensor> heads = own_gradient({qkv_btw, q_norm_c, k_norm_c}, forward, backward);
  return {heads[0], heads[1], heads[2]};
}

namespace reference {

Heads rotary_heads(const at::Tensor& qkv_btw, const at::Tensor& q_norm_c, const at::Tensor& k_norm_c,
                   const RopeTable& table, const HeadOptions& options) {
  const int64_t batch = qkv_btw.size(0), time = qkv_btw.size(1), c = options.head_dim;
  const std::vector<at::Tensor> parts =
      qkv_btw.split_with_sizes({options.heads * c, options.key_value_heads * c, options.key_value_heads * c}, -1);
  at::Tensor q_bthc = parts[0].view({batch, time, options.heads, c});
  at::Tensor k_btkc = parts[1].view({batch, time, options.key_value_heads, c});
  const at::Tensor v_btkc = parts[2].view({batch, time, options.key_value_heads, c});
  if (q_norm_c.defined()) q_bthc = reference::rms_norm(q_bthc, q_norm_c, options.norm_eps, q_bthc.scalar_type());
  if (k_norm_c.defined()) k_btkc = reference::rms_norm(k_btkc, k_norm_c, options.norm_eps, k_btkc.scalar_type());
  return {rotate(q_bthc, table, options.layout), rotate(k_btkc, table, options.layout), v_btkc};
}

}  // namespace reference
}  // namespace mm
