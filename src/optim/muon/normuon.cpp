// Mean squares are kept by row of the stored tensors, so that joining matrices or not changes nothing of their form.
#include "optim/muon/normuon.h"

#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <map>

namespace mm {
namespace {

/// Rows of every tensor that has stacks, by its place in the layout.
std::map<size_t, int64_t> rows_of_tensors(const std::vector<MatrixStack>& stacks) {
  std::map<size_t, int64_t> rows;
  for (const MatrixStack& stack : stacks) rows[stack.tensor] += stack.count * stack.rows;
  return rows;
}

}  // namespace

NorMuon::NorMuon(const FlatBuffers& buffers, const ParameterLayout& layout, const OptimConfig& config)
    : Muon(buffers, layout, config) {
  std::map<size_t, size_t> place;  // in rows_, of a tensor
  for (const auto& [tensor, count] : rows_of_tensors(stacks())) {
    const StoredTensor& stored = layout.stored[tensor];
    const int64_t columns = stored.shape.back();
    place[tensor] = rows_.size();
    rows_.push_back({stored.name,
                     {stored.offset, stored.offset + count * columns},
                     columns,
                     at::zeros({count}, buffers.parameters.options())});
  }
  for (const MatrixStack& stack : stacks()) {
    const Rows& rows = rows_[place.at(stack.tensor)];
    squares_of_stack_.push_back(rows.squares.as_strided({stack.count, stack.rows}, {stack.distance / stack.columns, 1},
                                                        (stack.offset - rows.elements.begin) / stack.columns));
  }
}

at::Tensor NorMuon::scaled(const Update& update) {
  const at::Tensor& orthogonal_nrc = update.orthogonal_nrc;
  const int64_t rows = orthogonal_nrc.size(1), columns = orthogonal_nrc.size(2);
  const at::Tensor squares_nr = squares_of_stack_[update.stack].narrow(0, update.first, orthogonal_nrc.size(0));
  squares_nr.lerp_(orthogonal_nrc.square().mean(2), (update.moves_n * (1 - config().beta2)).unsqueeze(1));
  const at::Tensor even_nrc = orthogonal_nrc / (squares_nr.sqrt() + config().eps).unsqueeze(2);
  const at::Tensor norm_n = at::linalg_vector_norm(even_nrc, 2, {1, 2}, /*keepdim=*/true).clamp_min(1e-20);
  return even_nrc * (kUpdateRms * std::sqrt(static_cast<double>(rows * columns)) / norm_n);
}

std::vector<OptimizerState> NorMuon::state() const {
  std::vector<OptimizerState> states = Muon::state();
  for (const Rows& rows : rows_) states.push_back({"row_exp_avg_sq." + rows.name, rows.squares});
  return states;
}

void NorMuon::forget(FlatRange elements) {
  Muon::forget(elements);
  for (const Rows& rows : rows_) {
    const int64_t begin = std::max(elements.begin, rows.elements.begin) - rows.elements.begin;
    const int64_t end = std::min(elements.end, rows.elements.end) - rows.elements.begin;
    if (begin < end) rows.squares.slice(0, begin / rows.columns, end / rows.columns).zero_();
  }
}

std::unique_ptr<Optimizer> make_normuon(const OptimConfig& config, FlatBuffers buffers, const ParameterLayout& layout,
                                        std::vector<FlatRange> /*updated*/) {
  return std::make_unique<NorMuon>(std::move(buffers), layout, config);
}

OptimizerCost normuon_cost(const OptimConfig& config, const ParameterLayout& layout) {
  OptimizerCost cost = muon_cost(config, layout);
  for (const auto& [tensor, rows] : rows_of_tensors(matrix_stacks(layout, true))) cost.state_bytes += 4 * rows;
  return cost;
}

}  // namespace mm
