#include "engine/whole_model.h"

#include <ATen/ops/zeros.h>

#include <algorithm>
#include <string>
#include <utility>

namespace mm {
namespace {

/// The parts that this rank has of one moment.
std::vector<FlatPart> parts_of(const std::string& moment, const Optimizer& optimizer) {
  std::vector<FlatPart> parts;
  for (const OptimizerState& part : optimizer.state()) {
    if (part.begin && part.name == moment) parts.push_back({part.values, *part.begin});
  }
  return parts;
}

}  // namespace

WholeModel::WholeModel(TrainedModel& trained) : trained_(trained) {
  const Division& division = trained.division;
  if (!division.is_divided()) return;
  const bool is_first = division.world().is_first();
  if (is_first) {
    parameters_ = std::make_unique<Parameters>(trained.model.config(), at::kCPU, at::kFloat, /*trainable=*/false);
  }
  for (const OptimizerState& part : trained.optimizer->state()) {
    const auto is_it = [&](const OptimizerState& moment) { return moment.name == part.name; };
    if (!part.begin || std::any_of(moments_.begin(), moments_.end(), is_it)) continue;
    const at::Tensor values = is_first ? at::zeros({parameters().layout().size}, at::kFloat) : at::Tensor();
    moments_.push_back({part.name, values, 0});
  }
}

Parameters& WholeModel::parameters() {
  return parameters_ ? *parameters_ : trained_.parameters;
}

std::vector<OptimizerState> WholeModel::optimizer() {
  std::vector<OptimizerState> state = trained_.optimizer->state();
  if (moments_.empty()) return state;
  std::erase_if(state, [](const OptimizerState& part) { return part.begin.has_value(); });
  state.insert(state.begin(), moments_.begin(), moments_.end());
  return state;
}

void WholeModel::for_each_divided(const Carry& carry) {
  const Division& division = trained_.division;
  if (!division.is_divided()) return;
  carry(division.parameter_pieces(), {{trained_.parameters.master()}},
        parameters_ ? parameters_->master() : at::Tensor());
  for (const OptimizerState& moment : moments_) {
    carry(division.moment_pieces(), parts_of(moment.name, *trained_.optimizer), moment.values);
  }
}

void WholeModel::collect() {
  for_each_divided([&](const auto& pieces, const auto& own, const at::Tensor& whole) {
    trained_.division.collect(pieces, own, whole);
  });
  const at::Tensor& bias_le = trained_.parameters.router_state().bias_le;
  if (parameters_ && bias_le.defined()) parameters_->router_state().bias_le.copy_(bias_le);
}

bool WholeModel::has_copy_in(const at::Tensor& tensor) const {
  return std::any_of(moments_.begin(), moments_.end(),
                     [&](const OptimizerState& moment) { return moment.values.is_alias_of(tensor); });
}

void WholeModel::deliver() {
  for_each_divided([&](const auto& pieces, const auto& own, const at::Tensor& whole) {
    trained_.division.deliver(pieces, own, whole);
  });
  const World& world = trained_.division.world();
  const RouterState& router = trained_.parameters.router_state();
  if (parameters_ && router.bias_le.defined()) router.bias_le.copy_(parameters_->router_state().bias_le);
  trained_.division.copy_from_first(trained_.parameters.master());
  for (const OptimizerState& part : trained_.optimizer->state()) {
    if (!part.begin) {
      world.broadcast(part.values);
    } else if (!trained_.division.shards_optimizer()) {
      trained_.division.copy_from_first(part.values, *part.begin);
    }
  }
  const LossScaler& scaler = trained_.scaler;
  for (const at::Tensor& part : {router.bias_le, router.load_le, scaler.scale(), scaler.finite_steps()}) {
    if (part.defined()) world.broadcast(part);
  }
  trained_.parameters.refresh_shadow();
}

}  // namespace mm
