// Axes: b batch, t time, n tokens, d features, h query heads, k key/value heads, c features of a head, i width of the
// feed-forward, e experts, s slots, r routed rows, v vocabulary.
#include "app/gpu_probe/layer_ops.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>

#include "core/text.h"
#include "model/parameters/init.h"
#include "ops/attention.h"
#include "ops/cross_entropy.h"
#include "ops/experts/grouped_linear.h"
#include "ops/linear.h"
#include "ops/rms_norm.h"
#include "ops/rotary.h"
#include "ops/swiglu.h"
#include "ops/update/flat_norm.h"
#include "optim/optimizer_table.h"

namespace mm {
namespace {

RunConfig one_layer(RunConfig config) {
  config.model.num_hidden_layers = 1;
  config.model.moe.first_k_dense_replace = 0;
  return config;
}

double product(double a, double b, double c) {
  return 2 * a * b * c;
}

}  // namespace

LayerOps::LayerOps(const RunConfig& config, const DeviceSetup& setup)
    : config_(one_layer(config)),
      device_(setup.device),
      type_(setup.compute_type),
      trained_(config_.model, config_.optim, device_, type_) {
  initialize(trained_.parameters, config_.model, static_cast<uint64_t>(config.run.seed));
  weights_ = bind_weights(config_.model, trained_.parameters);
  const int64_t n = config_.train.micro_batch * config_.data.sequence_length, d = config_.model.hidden_size;
  x_nd_ = input({n, d}, type_);
  residual_nd_ = input({n, d}, at::kFloat);
}

std::vector<OpCase> LayerOps::cases() {
  std::vector<OpCase> cases;
  add_attention(cases);
  if (config_.model.is_moe()) {
    add_experts(cases);
  } else {
    add_feed_forward(cases);
  }
  add_head(cases);
  cases.push_back(optimizer_case());
  return cases;
}

std::string LayerOps::description() const {
  const ModelConfig& model = config_.model;
  return format("%lld x %lld tokens, hidden %lld, width %lld, %lld/%lld heads of %lld, vocabulary %lld",
                static_cast<long long>(config_.train.micro_batch), static_cast<long long>(config_.data.sequence_length),
                static_cast<long long>(model.hidden_size), static_cast<long long>(model.expert_width()),
                static_cast<long long>(model.num_attention_heads), static_cast<long long>(model.num_key_value_heads),
                static_cast<long long>(*model.head_dim), static_cast<long long>(model.vocab_size));
}

at::Tensor LayerOps::input(at::IntArrayRef shape, at::ScalarType type) const {
  return at::randn(shape, at::TensorOptions().dtype(type).device(device_)).set_requires_grad(true);
}

OpCase LayerOps::linear_case(const std::string& name, const at::Tensor& x, const at::Tensor& weight) const {
  return {.name = name,
          .run = [=] { return std::vector{mm::linear(x, weight)}; },
          .inputs = {x},
          .weights = {weight},
          .flops = product(static_cast<double>(x.size(0)), static_cast<double>(weight.size(0)),
                           static_cast<double>(weight.size(1)))};
}

void LayerOps::add_grouped(std::vector<OpCase>& cases, const std::string& name, const at::Tensor& x,
                           const at::Tensor& weight) const {
  const std::vector<GroupedBackend> backends = grouped_backends(x, weight);
  for (const GroupedBackend backend : backends) {
    const bool is_taken = backend == backends.front();
    cases.push_back(
        {.name = is_taken ? name : name + " " + std::string(name_of(backend)),
         .run = [=, ends_e = routing_.plan.ends_e] { return std::vector{grouped_linear(x, weight, ends_e, backend)}; },
         .inputs = {x},
         .weights = {weight},
         .flops = product(static_cast<double>(x.size(0)), static_cast<double>(weight.size(1)),
                          static_cast<double>(weight.size(2)))});
  }
}

OpCase LayerOps::swiglu_case(int64_t rows, int64_t width) const {
  const at::Tensor gate_up = input({rows, 2 * width}, type_);
  return {.name = "swiglu", .run = [=] { return std::vector{swiglu(gate_up)}; }, .inputs = {gate_up}};
}

void LayerOps::add_attention(std::vector<OpCase>& cases) {
  const ModelConfig& model = config_.model;
  const BlockWeights& block = weights_.blocks[0];
  const int64_t b = config_.train.micro_batch, t = config_.data.sequence_length, n = b * t, c = *model.head_dim,
                h = model.num_attention_heads, k = model.num_key_value_heads;
  const NormRounding rounding =
      model.norm_rounding == "before_weight" ? NormRounding::kBeforeWeight : NormRounding::kAfterWeight;
  cases.push_back({.name = "rms_norm",
                   .run =
                       [this, rounding] {
                         const at::Tensor& weight = weights_.blocks[0].input_norm;
                         return std::vector{
                             rms_norm(residual_nd_, weight, config_.model.rms_norm_eps, type_, rounding)};
                       },
                   .inputs = {residual_nd_},
                   .weights = {block.input_norm}});
  cases.push_back(linear_case("linear qkv", x_nd_, block.attention.qkv));

  const HeadOptions options{h, k, c, model.rms_norm_eps,
                            model.rope_layout == "interleaved" ? RopeLayout::kInterleaved : RopeLayout::kHalfSplit};
  const at::Tensor qkv = input({b, t, (h + 2 * k) * c}, type_);
  const RopeTable table = make_rope_table(t, c, model.rope_theta, device_, rope_scaling_of(model.rope_scaling));
  cases.push_back({.name = "rotary_heads",
                   .run =
                       [=, attention = block.attention] {
                         const Heads turned = rotary_heads(qkv, attention.q_norm, attention.k_norm, table, options);
                         return std::vector{turned.q_bthc, turned.k_btkc, turned.v_btkc};
                       },
                   .inputs = {qkv}});

  const Heads heads{input({b, t, h, c}, type_), input({b, t, k, c}, type_), input({b, t, k, c}, type_)};
  // Half of the full square, for two products.
  const double flops = product(static_cast<double>(n), static_cast<double>(h * c), static_cast<double>(t));
  cases.push_back({.name = "attention",
                   .run = [=] { return std::vector{causal_attention(heads, 0.0)}; },
                   .inputs = {heads.q_bthc, heads.k_btkc, heads.v_btkc},
                   .flops = flops});
  cases.push_back(linear_case("linear attention out", input({n, h * c}, type_), block.attention.output));
  cases.push_back({.name = "residual add",
                   .run = [this] { return std::vector{residual_nd_ + x_nd_}; },
                   .inputs = {residual_nd_, x_nd_},
                   .backward_reads_inputs = false});
}

void LayerOps::add_feed_forward(std::vector<OpCase>& cases) {
  const FeedForwardWeights& weights = weights_.blocks[0].feed_forward;
  const int64_t n = x_nd_.size(0), i = config_.model.expert_width();
  cases.push_back(linear_case("linear gate_up", x_nd_, weights.gate_up));
  cases.push_back(swiglu_case(n, i));
  cases.push_back(linear_case("linear down", input({n, i}, type_), weights.down));
}

void LayerOps::add_experts(std::vector<OpCase>& cases) {
  const MoeConfig& moe = config_.model.moe;
  const MoeWeights& weights = weights_.blocks[0].moe;
  const int64_t n = x_nd_.size(0), d = x_nd_.size(1), i = config_.model.expert_width(), s = moe.num_experts_per_tok,
                r = n * s;
  const at::Tensor counted_bt = at::ones({config_.train.micro_batch, config_.data.sequence_length},
                                         at::TensorOptions().dtype(at::kFloat).device(device_));
  {
    const at::NoGradGuard no_gradients;
    routing_ = route_batch(x_nd_, counted_bt, weights.router, moe, {.training = true});
  }
  cases.push_back(
      {.name = "router and dispatch",
       .run =
           [this, counted_bt] {
             const RouterWeights& router = weights_.blocks[0].moe.router;
             const BatchRouting routing = route_batch(x_nd_, counted_bt, router, config_.model.moe, {.training = true});
             std::vector outputs{routing.weights_ns, routing.rows_rd};
             if (config_.model.moe.n_shared_experts > 0) outputs.push_back(routing.x_nd);
             if (routing.balance_loss.defined()) outputs.push_back(routing.balance_loss);
             if (routing.z_loss.defined()) outputs.push_back(routing.z_loss);
             return outputs;
           },
       .inputs = {x_nd_},
       .weights = {weights.router.gate},
       .flops = product(static_cast<double>(n), static_cast<double>(d), static_cast<double>(moe.num_experts)),
       .bytes = static_cast<double>(x_nd_.nbytes() + weights.router.gate.nbytes() + routing_.rows_rd.nbytes())});
  cases.push_back({.name = "plan_dispatch",
                   .run =
                       [this] {
                         const DispatchPlan plan = plan_dispatch(routing_.experts_ns, config_.model.moe.num_experts);
                         return std::vector{plan.token_of_row_r, plan.slot_of_row_r, plan.row_of_slot_ns, plan.ends_e};
                       },
                   .inputs = {routing_.experts_ns},
                   .differentiable = false});
  add_grouped(cases, "experts gate_up", input({r, d}, type_), weights.experts_gate_up);
  cases.push_back(swiglu_case(r, i));
  add_grouped(cases, "experts down", input({r, i}, type_), weights.experts_down);
  const bool has_shared = moe.n_shared_experts > 0;
  const at::Tensor out_rd = input({r, d}, type_), weights_ns = input({n, s}, at::kFloat),
                   shared_nd = has_shared ? input({n, d}, type_) : at::Tensor();
  std::vector combined{out_rd, weights_ns};
  if (has_shared) combined.push_back(shared_nd);
  cases.push_back({.name = "combine",
                   .run = [=, this] { return std::vector{combine(out_rd, weights_ns, routing_.plan, shared_nd)}; },
                   .inputs = combined});
  if (has_shared) {
    cases.push_back(linear_case("shared gate_up", x_nd_, weights.shared.gate_up));
  }
}

void LayerOps::add_head(std::vector<OpCase>& cases) {
  const int64_t n = x_nd_.size(0), v = config_.model.vocab_size;
  const at::Tensor tokens_n = at::randint(v, {n}, at::TensorOptions().dtype(at::kLong).device(device_));
  const at::Tensor logits_nv = input({n, v}, type_);
  cases.push_back(linear_case("linear head", x_nd_, weights_.head));
  cases.push_back({.name = "cross_entropy",
                   .run = [=] { return std::vector{cross_entropy(logits_nv, tokens_n)}; },
                   .inputs = {logits_nv}});
  cases.push_back({.name = "embedding",
                   .run = [=, this] { return std::vector{at::embedding(weights_.embedding, tokens_n).to(at::kFloat)}; },
                   .weights = {weights_.embedding},
                   .backward_reads_inputs = false});
}

/// What comes behind the last micro-batch.
OpCase LayerOps::optimizer_case() {
  const at::TensorOptions fp32 = at::TensorOptions().dtype(at::kFloat).device(device_);
  const at::Tensor divisor = at::ones({}, fp32), skip = at::zeros({}, fp32);
  const auto size = static_cast<double>(trained_.parameters.layout().size);
  const OptimizerCost cost = optimizer_cost(config_.optim, trained_.parameters.layout());
  // Weights and moments are read and written, the gradient is read and cleared, the shadow is written.
  const double bytes_each = 4 * 4 + (type_ == at::kFloat ? 0.0 : 2.0);
  return {.name = "norm, " + config_.optim.type + ", shadow, zero",
          .run =
              [=, this] {
                const at::Tensor norm = flat_norm(trained_.parameters.gradient());
                trained_.optimizer->step(1e-6, divisor, skip);
                return std::vector{norm};
              },
          .flops = cost.flops,
          .differentiable = false,
          .bytes = bytes_each * size + 2.0 * static_cast<double>(cost.state_bytes)};
}

}  // namespace mm
