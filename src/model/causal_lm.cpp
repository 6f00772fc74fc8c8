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

RopeScaling rope_scaling_of(const RopeScalingConfig& config) {
  if (!config.is_yarn()) return {};
  return {.factor = config.factor,
          .original_length = static_cast<double>(config.original_max_position_embeddings),
          .beta_fast = config.beta_fast,
          .beta_slow = config.beta_slow,
          .attention_factor = *config.attention_factor};
}

/// What one pass over the blocks is for.
struct CausalLm::Pass {
  int64_t batch;
  bool training = false;
  bool inspect = false;
  double dropout = 0;
  BatchLayout layout = {};
  KeyValueCache* cache = nullptr;  ///< what the tokens follow; null: nothing
};

CausalLm::CausalLm(const ModelConfig& config, const Parameters& parameters)
    : config_(config),
      compute_type_(parameters.compute_type()),
      device_(parameters.device()),
      weights_(bind_weights(config, parameters)) {}

HiddenStates CausalLm::forward(const at::Tensor& tokens_bt, bool training, const BatchLayout& layout, bool inspect) {
  return run(tokens_bt, {.batch = tokens_bt.size(0),
                         .training = training,
                         .inspect = inspect,
                         .dropout = training ? config_.dropout : 0.0,
                         .layout = layout});
}

HiddenStates CausalLm::forward_more(const at::Tensor& tokens_bt, KeyValueCache& cache) {
  HiddenStates states = run(tokens_bt, {.batch = tokens_bt.size(0), .cache = &cache});
  cache.advance(tokens_bt.size(1));
  return states;
}

HiddenStates CausalLm::run(const at::Tensor& tokens_bt, const Pass& pass) {
  const double ffn_dropout = config_.ffn_dropout ? pass.dropout : 0.0;
  const at::TensorOptions fp32 = at::TensorOptions().dtype(at::kFloat).device(device_);
  const at::Tensor counted =
      pass.layout.counted_bt.defined() ? pass.layout.counted_bt.to(at::kFloat) : at::ones(tokens_bt.sizes(), fp32);
  const RopeTable positions = positions_of(tokens_bt, pass);

  HiddenStates states;
  std::vector<at::Tensor> expert_tokens, dropped_tokens, margins, router_sums, output_squares, branch_sizes;
  at::Tensor x_nd = at::embedding(weights_.embedding, tokens_bt.flatten()).to(at::kFloat);
  if (pass.dropout > 0) x_nd = at::dropout(x_nd, pass.dropout, true);
  at::Tensor branch_nd;  // what is to be added to x_nd next
  const auto add_and_norm = [&](const at::Tensor& weight_d) {
    const NormedSum next =
        add_rms_norm(x_nd, branch_nd, weight_d, config_.rms_norm_eps, compute_type_, rounding_of(config_));
    x_nd = next.sum_nd;
    return next.normed_nd;
  };
  const auto inspect_branch = [&] {
    if (pass.inspect) branch_sizes.push_back(branch_nd.detach().abs().amax().to(at::kFloat));
  };
  for (size_t layer = 0; layer < weights_.blocks.size(); ++layer) {
    const BlockWeights& block = weights_.blocks[layer];
    branch_nd = attention(add_and_norm(block.input_norm), layer, pass, positions);
    inspect_branch();
    const at::Tensor normed_nd = add_and_norm(block.post_attention_norm);
    if (!config_.is_moe_layer(static_cast<int64_t>(layer))) {
      branch_nd = feed_forward(normed_nd, block.feed_forward, ffn_dropout);
      inspect_branch();
      continue;
    }
    const MoeMode mode{.training = pass.training,
                       .dropout = ffn_dropout,
                       .inspect = pass.inspect,
                       .documents = pass.layout.documents.any() ? &pass.layout.documents : nullptr};
    MoeReport report;
    branch_nd = moe_layer(normed_nd, counted, block.moe, config_, mode, report);
    inspect_branch();
    add_to(states.reports.balance_loss, report.balance_loss);
    add_to(states.reports.z_loss, report.z_loss);
    expert_tokens.push_back(report.expert_tokens_e);
    if (report.dropped_tokens_e.defined()) dropped_tokens.push_back(report.dropped_tokens_e);
    if (report.margins_em.defined()) margins.push_back(report.margins_em);
    if (report.router_sums_qe.defined()) router_sums.push_back(report.router_sums_qe);
    if (report.output_squares_e.defined()) output_squares.push_back(report.output_squares_e);
    states.reports.experts_ns.push_back(report.experts_ns);
    states.reports.weights_ns.push_back(report.weights_ns);
  }
  if (!expert_tokens.empty()) states.reports.expert_tokens_le = at::stack(expert_tokens);
  if (!dropped_tokens.empty()) states.reports.dropped_tokens_le = at::stack(dropped_tokens);
  if (!margins.empty()) states.reports.margins_lem = at::stack(margins);
  if (!router_sums.empty()) states.reports.router_sums_lqe = at::stack(router_sums);
  if (!output_squares.empty()) states.reports.output_squares_le = at::stack(output_squares);
  if (!branch_sizes.empty()) {
    states.reports.branch_sizes_lb = at::stack(branch_sizes).view({std::ssize(weights_.blocks), 2});
  }
  states.hidden_nd = add_and_norm(weights_.norm);
  return states;
}

at::Tensor CausalLm::logits(const at::Tensor& hidden_nd) const {
  return mm::linear(hidden_nd, weights_.head);
}

at::Tensor CausalLm::attention(const at::Tensor& x_nd, size_t layer, const Pass& pass,
                               const RopeTable& positions) const {
  const AttentionWeights& weights = weights_.blocks[layer].attention;
  const at::Tensor qkv_nw = mm::linear(x_nd, weights.qkv);
  const Documents& documents = pass.layout.documents;
  // Documents lie end to end in all rows of the batch, as if these were one.
  const at::Tensor qkv_btw = qkv_nw.view({documents.any() ? 1 : pass.batch, -1, qkv_nw.size(1)});
  const Heads heads = rotary_heads(qkv_btw, weights.q_norm, weights.k_norm, positions, head_options(config_));
  const auto mix = [&] {
    if (pass.cache) return pass.cache->attend(layer, heads);
    return documents.any() ? document_attention(heads, documents, pass.dropout) : causal_attention(heads, pass.dropout);
  };
  const at::Tensor mixed_btq = mix();
  const at::Tensor out_nd = mm::linear(mixed_btq.flatten(0, 1), weights.output);
  return pass.dropout > 0 ? at::dropout(out_nd, pass.dropout, true) : out_nd;
}

/// A row for each position of a sequence; of documents, for each token.
RopeTable CausalLm::positions_of(const at::Tensor& tokens_bt, const Pass& pass) {
  const Documents& documents = pass.layout.documents;
  if (!documents.any()) return rope_rows(pass.cache ? pass.cache->length() : 0, tokens_bt.size(1));
  const RopeTable rows = rope_rows(0, documents.longest);
  return {rows.cosine_tf.index_select(0, documents.position_n), rows.sine_tf.index_select(0, documents.position_n)};
}

RopeTable CausalLm::rope_rows(int64_t first, int64_t count) {
  const int64_t end = first + count;
  if (!rope_table_.cosine_tf.defined() || rope_table_.cosine_tf.size(0) < end) {
    const auto rows = static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(end)));
    rope_table_ =
        make_rope_table(rows, *config_.head_dim, config_.rope_theta, device_, rope_scaling_of(config_.rope_scaling));
  }
  if (first == 0) return rope_table_;
  return {rope_table_.cosine_tf.narrow(0, first, count), rope_table_.sine_tf.narrow(0, first, count)};
}

}  // namespace mm
