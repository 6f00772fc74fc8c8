// The language model: embedding, blocks, norm, head.
#pragma once

#include <ATen/core/Tensor.h>

#include "model/key_value_cache.h"
#include "model/model_config.h"
#include "model/parameters/parameters.h"
#include "model/weights.h"
#include "ops/documents.h"
#include "ops/rotary.h"

namespace mm {

/// Scalars and counts that the blocks leave behind, summed over layers, on the model's device. What routers and experts
/// leave has a row for each MoE layer, that of layer first_k_dense_replace first.
struct LayerReports {
  at::Tensor balance_loss;       ///< scalar fp32, scaled; undefined when no layer has one
  at::Tensor z_loss;             ///< scalar fp32, scaled; undefined when no layer has one
  at::Tensor expert_tokens_le;   ///< [layers, experts] int64; undefined for a dense model
  at::Tensor dropped_tokens_le;  ///< [layers, experts] int64: those beyond the capacity; undefined without one
  at::Tensor margins_lem;        ///< [layers, experts, bins] int32: margin_counts(); undefined unless "quantile"
  at::Tensor router_sums_lqe;    ///< [layers, 2, experts] fp32: router_sums(); undefined unless training
  at::Tensor output_squares_le;  ///< [layers, experts] fp32: output_squares(); undefined unless inspected
  /// [all layers, 2] fp32: the largest magnitude of what attention and what the feed-forward add; undefined unless
  /// inspected
  at::Tensor branch_sizes_lb;
  std::vector<at::Tensor> experts_ns;  ///< of each MoE layer, [batch * time, slots] int64: where each token went
  std::vector<at::Tensor> weights_ns;  ///< likewise, fp32: of the outputs there; undefined while training
};

/// What rotary tables need of the settings.
RopeScaling rope_scaling_of(const RopeScalingConfig& config);

/// What the positions of a batch are.
struct BatchLayout {
  at::Tensor counted_bt = {};  ///< [batch, time] bool: what counts in balancing losses and loads; undefined: all does
  Documents documents = {};    ///< none: each row is one
};

struct HiddenStates {
  at::Tensor hidden_nd;  ///< [batch * time, hidden_size] after the last norm, in the compute type
  LayerReports reports;
};

class CausalLm {
 public:
  /// Reads the weights of `parameters`, which must outlive the model.
  CausalLm(const ModelConfig& config, const Parameters& parameters);

  const ModelConfig& config() const { return config_; }
  at::Device device() const { return device_; }

  /// Runs the blocks.
  ///   tokens_bt  [batch, time] int64 on the model's device
  ///   training   dropout, jitter, capacity and balancing losses
  ///   layout     padding, and documents that see nothing of each other: what a document gives is what it gives alone,
  ///              but for capacity and the balancing losses of whole batches
  ///   inspect    whether the reports are to say how large the outputs of branches and experts are
  /// The residual stream is fp32; norms, products and attention give the compute type.
  HiddenStates forward(const at::Tensor& tokens_bt, bool training, const BatchLayout& layout = {},
                       bool inspect = false);

  /// The same for tokens that follow those in `cache`, which holds them as well from then on. As forward() without
  /// training gives them for the whole sequence, but for the order of sums; experts that are forced to be uniform are
  /// counted from the first of `tokens_bt`. No gradient.
  HiddenStates forward_more(const at::Tensor& tokens_bt, KeyValueCache& cache);

  /// Logits of chosen rows: [rows, hidden_size] -> [rows, vocab_size], in the compute type.
  at::Tensor logits(const at::Tensor& hidden_nd) const;

 private:
  struct Pass;
  HiddenStates run(const at::Tensor& tokens_bt, const Pass& pass);
  at::Tensor attention(const at::Tensor& x_nd, size_t layer, const Pass& pass, const RopeTable& positions) const;
  RopeTable positions_of(const at::Tensor& tokens_bt, const Pass& pass);
  RopeTable rope_rows(int64_t first, int64_t count);

  ModelConfig config_;
  at::ScalarType compute_type_;
  at::Device device_;
  ModelWeights weights_;
  RopeTable rope_table_;
};

}  // namespace mm
