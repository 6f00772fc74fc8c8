// Axes: b batch, t time, n = b * t tokens, d hidden_size, w joined q/k/v width, l layers, e experts.
#include "model/causal_lm.h"

#include <ATen/ops/dropout.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/stack.h>

#include <bit>

#include "model/feed_forward.h"
#include "model/moe/moe_layer.h"
#include "ops/add_to.h"
#include "ops/attention.h"
#include "ops/linear.h"
#include "ops/rms_norm.h"

namespace mm {
namespace {

NormRounding rounding_of(const ModelConfig& config) {
  return config.norm_rounding == "before_weight" ? NormRounding::kBeforeWeight : NormRounding::kAfterWeight;
}

HeadOptions head_options(const ModelConfig& config) {
  return {.heads = config.num_attention_heads,
          .key_value_heads = config.num_key_value_heads,
          .head_dim = *config.head_dim,
          .norm_eps = config.rms_norm_eps,
          .layout = config.rope_layout == "interleaved" ? RopeLayout::kInterleaved : RopeLayout::kHalfSplit};
}

}  // namespace

CausalLm::CausalLm(const ModelConfig& config, const Parameters& parameters)
    : config_(config),
      compute_type_(parameters.compute_type()),
      device_(parameters.device()),
      weights_(bind_weights(config, parameters)) {}

HiddenStates CausalLm::forward(const at::Tensor& tokens_bt, bool training, const at::Tensor& counted_bt, bool inspect) {
  const int64_t batch = tokens_bt.size(0), time = tokens_bt.size(1);
  const double dropout = training ? config_.dropout : 0.0;
  const double ffn_dropout = config_.ffn_dropout ? dropout : 0.0;
  const auto norm = [&](const at::Tensor& x_nd, const at::Tensor& weight_d) {
    return rms_norm(x_nd, weight_d, config_.rms_norm_eps, compute_type_, rounding_of(config_));
  };
  const at::TensorOptions fp32 = at::TensorOptions().dtype(at::kFloat).device(device_);
  const at::Tensor counted = counted_bt.defined() ? counted_bt.to(at::kFloat) : at::ones({batch, time}, fp32);
  extend_rope_table(time);

  HiddenStates states;
  std::vector<at::Tensor> expert_tokens, dropped_tokens, margins, router_sums, output_squares;
  at::Tensor x_nd = at::embedding(weights_.embedding, tokens_bt.flatten()).to(at::kFloat);
  if (dropout > 0) x_nd = at::dropout(x_nd, dropout, true);
  for (const BlockWeights& block : weights_.blocks) {
    x_nd = x_nd + attention(norm(x_nd, block.input_norm), block.attention, batch, dropout);
    const at::Tensor normed_nd = norm(x_nd, block.post_attention_norm);
    if (!config_.is_moe()) {
      x_nd = x_nd + feed_forward(normed_nd, block.feed_forward, ffn_dropout);
      continue;
    }
    const MoeMode mode{.training = training, .dropout = ffn_dropout, .inspect = inspect};
    MoeReport report;
    x_nd = x_nd + moe_layer(normed_nd, counted, block.moe, config_, mode, report);
    add_to(states.reports.balance_loss, report.balance_loss);
    add_to(states.reports.z_loss, report.z_loss);
    expert_tokens.push_back(report.expert_tokens_e);
    if (report.dropped_tokens_e.defined()) dropped_tokens.push_back(report.dropped_tokens_e);
    if (report.margins_em.defined()) margins.push_back(report.margins_em);
    if (report.router_sums_qe.defined()) router_sums.push_back(report.router_sums_qe);
    if (report.output_squares_e.defined()) output_squares.push_back(report.output_squares_e);
    states.reports.experts_ns.push_back(report.experts_ns);
  }
  if (!expert_tokens.empty()) states.reports.expert_tokens_le = at::stack(expert_tokens);
  if (!dropped_tokens.empty()) states.reports.dropped_tokens_le = at::stack(dropped_tokens);
  if (!margins.empty()) states.reports.margins_lem = at::stack(margins);
  if (!router_sums.empty()) states.reports.router_sums_lqe = at::stack(router_sums);
  if (!output_squares.empty()) states.reports.output_squares_le = at::stack(output_squares);
  states.hidden_nd = norm(x_nd, weights_.norm);
  return states;
}

at::Tensor CausalLm::logits(const at::Tensor& hidden_nd) const {
  return mm::linear(hidden_nd, weights_.head);
}

at::Tensor CausalLm::attention(const at::Tensor& x_nd, const AttentionWeights& weights, int64_t batch,
                               double dropout) const {
  const at::Tensor qkv_nw = mm::linear(x_nd, weights.qkv);
  const at::Tensor qkv_btw = qkv_nw.view({batch, -1, qkv_nw.size(1)});
  const Heads heads = rotary_heads(qkv_btw, weights.q_norm, weights.k_norm, rope_table_, head_options(config_));
  const at::Tensor mixed_btq = causal_attention(heads, dropout);
  const at::Tensor out_nd = mm::linear(mixed_btq.flatten(0, 1), weights.output);
  return dropout > 0 ? at::dropout(out_nd, dropout, true) : out_nd;
}

void CausalLm::extend_rope_table(int64_t time) {
  if (rope_table_.cosine_tf.defined() && rope_table_.cosine_tf.size(0) >= time) return;
  const auto rows = static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(time)));
  rope_table_ = make_rope_table(rows, *config_.head_dim, config_.rope_theta, device_);
}

}  // namespace mm
