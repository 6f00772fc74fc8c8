// docs/scaling.md has the assumptions, and curves made of them.
#include "recipe/ranks_forecast.h"

#include "core/text.h"
#include "model/parameters/count.h"
#include "model/parameters/parameter_layout.h"
#include "optim/optimizer_table.h"

namespace mm {
namespace {

// Of an H100, none of it measured here: a third of its 989 TFLOP/s in bf16, and what NVLink and a 100 Gb/s network
// carry out of each GPU.
constexpr double kFlops = 3.3e14, kNvlink = 4.5e11, kNetwork = 1.25e10;

struct Parts {
  double common = 0, experts = 0;
};

/// Elements of the parameters that every rank has, and of all routed experts.
Parts parts_of(const ModelConfig& model) {
  Parts parts;
  for (const StoredTensor& stored : parameter_layout(model).stored) {
    (stored.per_expert ? parts.experts : parts.common) += static_cast<double>(element_count(stored.shape));
  }
  return parts;
}

}  // namespace

RankCost rank_cost(const RunConfig& config, int64_t ranks, bool sixteen_bit, bool sharded) {
  const auto all = static_cast<double>(ranks), expert_ranks = static_cast<double>(config.distributed.expert_parallel);
  const double replicas = all / expert_ranks;
  Parts parts = parts_of(config.model);
  const double kept = static_cast<double>(optimizer_cost(config.optim, parameter_layout(config.model)).state_bytes) /
                      (parts.common + parts.experts);  // bytes an element
  parts.experts /= expert_ranks;
  RankCost cost;
  cost.moments = kept * (sharded ? parts.common / all + parts.experts / replicas : parts.common + parts.experts);
  cost.state = (parts.common + parts.experts) * (8 + (sixteen_bit ? 2 : 0)) + cost.moments;
  cost.sums = 2 * 4 * (parts.common * (1 - 1 / all) + parts.experts * (1 - 1 / replicas));
  if (expert_ranks > 1) {
    const double slots = static_cast<double>(config.tokens_per_step() * config.model.moe.num_experts_per_tok) / all;
    const double rows = slots * static_cast<double>(config.model.moe_layers()) * (1 - 1 / expert_ranks);
    cost.experts = 4 * rows * static_cast<double>(config.model.hidden_size) * (sixteen_bit ? 2 : 4);
  }
  return cost;
}

double rank_efficiency(const RunConfig& config, int64_t ranks, const RankCost& cost, double flops, double bandwidth) {
  const double step =
      flops_per_token(config.model, config.data.sequence_length) * static_cast<double>(config.tokens_per_step());
  const double computes = step / static_cast<double>(ranks) / flops;
  return computes / (computes + (cost.sums + cost.experts) / bandwidth);
}

std::string forecast_ranks(const RunConfig& config, int64_t ranks) {
  const bool can_shard = can_update_parts(config.optim), sharded = config.distributed.shard_optimizer != "off";
  const bool sixteen_bit = config.train.precision != "fp32";
  const RankCost cost = rank_cost(config, ranks, sixteen_bit, can_shard && sharded);
  std::string text =
      format("ranks       %lld, each with %lld of the %lld micro-batches of a step: %s weights, gradients and moments",
             static_cast<long long>(ranks), static_cast<long long>(config.train.accumulation / ranks),
             static_cast<long long>(config.train.accumulation), short_bytes(cost.state).c_str());
  if (can_shard) {
    const RankCost other = rank_cost(config, ranks, sixteen_bit, !sharded);
    text += format(" each (%s with distributed.shard_optimizer %s)", short_bytes(other.state).c_str(),
                   sharded ? "off" : "on");
  }
  text += format("\n            each sends %s in a step to sum gradients and to share weights",
                 short_bytes(cost.sums).c_str());
  if (cost.experts > 0) text += format(", %s to experts of other ranks and back", short_bytes(cost.experts).c_str());
  const auto percent = [&](double bandwidth) { return 100 * rank_efficiency(config, ranks, cost, kFlops, bandwidth); };
  return text + format(
                    "\n            a model, not a measurement: %.0f%% of %lld times the speed of one H100 over NVLink, "
                    "%.0f%% over 100 Gb/s (docs/scaling.md)",
                    percent(kNvlink), static_cast<long long>(ranks), percent(kNetwork));
}

}  // namespace mm
