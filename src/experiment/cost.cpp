// Arithmetic on the plan, and the clock of the runs that are there.
#include "experiment/cost.h"

#include <algorithm>

#include "core/text.h"
#include "experiment/run_result.h"
#include "model/parameters/count.h"
#include "model/parameters/parameter_layout.h"
#include "optim/optimizer_table.h"

namespace mm {
namespace {

/// What a training step reaches of the rate of a matrix product, from docs/measurements.md; a guess elsewhere.
constexpr double kShareOfRate = 0.6;

struct VariantCost {
  double flops = 0;    ///< of one run
  double seconds = 0;  ///< of one run
  bool measured = false;
  int64_t to_do = 0;  ///< runs
  double left = 0;    ///< seconds of these, less what begun ones have done
};

double disk_bytes(const RunConfig& config) {
  const auto weights = static_cast<double>(count_parameters(config.model).total);
  const auto state = static_cast<double>(optimizer_cost(config.optim, parameter_layout(config.model)).state_bytes);
  return (4 * weights + state) * static_cast<double>(config.checkpoint.keep + 1);
}

VariantCost cost_of(const RunPlan& plan, size_t variant_index, double gemm_rate) {
  const PlannedVariant& variant = plan.variants[variant_index];
  const auto steps = static_cast<double>(variant.steps);
  VariantCost cost;
  std::vector<double> left;
  double step_seconds = 0;
  for (const PlannedRun& run : plan.runs) {
    if (run.variant != variant_index) continue;
    const RunResult result = read_run_result(run.folder(), variant.steps);
    step_seconds = std::max(step_seconds, result.seconds_per_step);
    if (result.finished()) continue;
    ++cost.to_do;
    left.push_back(steps > 0 ? 1 - std::min(static_cast<double>(result.step) / steps, 1.0) : 1);
  }
  cost.measured = step_seconds > 0;
  cost.flops = variant.flops_per_step * steps;
  cost.seconds = cost.measured ? step_seconds * steps : cost.flops / (kShareOfRate * gemm_rate);
  if (plan.file.budget.kind == Budget::Kind::kSeconds && !cost.measured) cost.seconds = plan.file.budget.amount;
  for (const double share : left) cost.left += share * cost.seconds;
  return cost;
}

}  // namespace

std::string describe_cost(const RunPlan& plan, double gemm_rate) {
  const ExperimentFile& file = plan.file;
  std::string text = format("%-28s %12s %12s %8s %12s %10s %8s\n", "variant", "parameters", "active", "steps",
                            "FLOP a run", "optimizer", "a run");
  VariantCost all;
  double disk = 0;
  bool guessed = false;
  for (size_t i = 0; i < plan.variants.size(); ++i) {
    const PlannedVariant& variant = plan.variants[i];
    const VariantCost cost = cost_of(plan, i, gemm_rate);
    const ParameterCount count = count_parameters(variant.config.model);
    const double optimizer = optimizer_cost(variant.config.optim, parameter_layout(variant.config.model)).flops;
    text += format("%-28s %12s %12s %8s %12s %9.1f%% %8s%s\n", variant.name.c_str(), with_commas(count.total).c_str(),
                   with_commas(count.active).c_str(), variant.steps > 0 ? with_commas(variant.steps).c_str() : "?",
                   variant.steps > 0 ? short_count(cost.flops).c_str() : "?", 100 * optimizer / variant.flops_per_step,
                   clock_time(cost.seconds).c_str(), cost.measured ? "" : " *");
    guessed = guessed || !cost.measured;
    all.to_do += cost.to_do;
    all.left += cost.left;
    all.flops += cost.flops * static_cast<double>(cost.to_do);
    disk += disk_bytes(variant.config) * static_cast<double>(file.seeds.size());
  }
  const std::string share = format("%.0f%% of the %s that a matrix product reaches here", 100 * kShareOfRate,
                                   short_count(gemm_rate, "FLOP/s").c_str());
  if (guessed && file.budget.kind != Budget::Kind::kSeconds) text += "* guessed: " + share + "\n";
  if (guessed && file.budget.kind == Budget::Kind::kSeconds) {
    text += "* the budget; a dozen steps of each variant decide how many steps fit it\n";
  }
  const std::string flops = all.flops > 0 ? short_count(all.flops, "FLOP") + ", " : "";
  text += format("to do       %lld of %zu runs of %s: %sabout %s one after another, validation not counted\n",
                 static_cast<long long>(all.to_do), plan.runs.size(), describe(file.budget).c_str(), flops.c_str(),
                 clock_time(all.left).c_str());
  text += format("disk        at most %s of checkpoints below %s", short_bytes(disk).c_str(), file.folder().c_str());
  return text;
}

}  // namespace mm
