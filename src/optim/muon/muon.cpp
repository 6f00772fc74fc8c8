// Matrices of one shape are batched across layers and experts, as far as a workspace of bounded size holds them.
#include "optim/muon/muon.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "optim/muon/orthogonalize.h"

namespace mm {
namespace {

constexpr int64_t kBatchElements = int64_t{1} << 24;

FlatRange range_of(const std::vector<MatrixStack>& stacks) {
  if (stacks.empty()) return {};
  FlatRange range = {stacks.front().offset, 0};
  for (const MatrixStack& stack : stacks) {
    range.begin = std::min(range.begin, stack.offset);
    const int64_t end = stack.offset + (stack.count - 1) * stack.distance + stack.rows * stack.columns;
    range.end = std::max(range.end, end);
  }
  return range;
}

std::vector<FlatRange> ranges_besides(FlatRange matrices, const ParameterLayout& layout) {
  for (const StoredTensor& stored : layout.stored) {
    const bool inside = stored.offset >= matrices.begin && stored.offset < matrices.end;
    require(inside == (stored.kind == ParameterKind::kMatrix && !stored.token_rows),
            "the matrices of the layers lie together");
  }
  return {{0, matrices.begin}, {matrices.end, layout.size}};
}

}  // namespace

Muon::Muon(FlatBuffers buffers, const ParameterLayout& layout, const OptimConfig& config)
    : config_(config),
      buffers_(std::move(buffers)),
      stacks_(matrix_stacks(layout, config.orthogonalize == "parts")),
      batches_(batches_of(stacks_)),
      matrices_(range_of(stacks_)),
      momentum_(at::zeros({matrices_.end - matrices_.begin}, buffers_.parameters.options())),
      rest_(buffers_, layout.decayed_end, config, ranges_besides(matrices_, layout)) {}

std::vector<Muon::Batch> Muon::batches_of(const std::vector<MatrixStack>& stacks) {
  std::vector<Batch> batches;
  for (size_t i = 0; i < stacks.size(); ++i) {
    const auto [rows, columns] = std::minmax(stacks[i].rows, stacks[i].columns);
    const int64_t most = std::max<int64_t>(kBatchElements / (rows * columns), 1);
    for (int64_t first = 0; first < stacks[i].count;) {
      auto batch = std::find_if(batches.begin(), batches.end(), [&, r = rows, c = columns](const Batch& each) {
        return each.rows == r && each.columns == c && each.count < most;
      });
      if (batch == batches.end()) batch = batches.insert(batches.end(), Batch{rows, columns});
      const int64_t count = std::min(stacks[i].count - first, most - batch->count);
      batch->slices.push_back({i, first, count});
      batch->count += count;
      first += count;
    }
  }
  return batches;
}

at::Tensor Muon::view(const at::Tensor& flat, const Slice& slice, int64_t begin) const {
  const MatrixStack& stack = stacks_[slice.stack];
  return flat.as_strided({slice.count, stack.rows, stack.columns}, {stack.distance, stack.columns, 1},
                         flat.storage_offset() + stack.offset + slice.first * stack.distance - begin);
}

void Muon::step(double learning_rate, const at::Tensor& gradient_divisor, const at::Tensor& skip) {
  rest_.step(learning_rate, gradient_divisor, skip);
  const at::Tensor skipped = skip.ne(0), lives = skip.eq(0).to(at::kFloat);
  const at::Tensor keep = 1 - lives * (learning_rate * config_.weight_decay);
  const auto type = buffers_.parameters.is_cuda() ? at::kBFloat16 : at::kFloat;
  for (const Batch& batch : batches_) {
    at::Tensor batch_nrc =
        at::empty({batch.count, batch.rows, batch.columns}, buffers_.parameters.options().dtype(type));
    std::vector<at::Tensor> moves;
    int64_t at = 0;
    for (const Slice& slice : batch.slices) {
      // What is not a number must not reach the momentum of a step that is skipped.
      const at::Tensor gradient_nrc = (view(buffers_.gradients, slice) / gradient_divisor).masked_fill_(skipped, 0);
      moves.push_back(gradient_nrc.abs().amax({1, 2}).gt(0).to(at::kFloat));
      const at::Tensor momentum_nrc = view(momentum_, slice, matrices_.begin);
      momentum_nrc.lerp_(gradient_nrc, lives * (1 - config_.momentum));
      gradient_nrc.lerp_(momentum_nrc, config_.momentum);
      batch_nrc.narrow(0, at, slice.count).copy_(is_tall(slice) ? gradient_nrc.transpose(1, 2) : gradient_nrc);
      at += slice.count;
    }
    batch_nrc = orthogonalize(batch_nrc);
    at = 0;
    for (size_t i = 0; i < batch.slices.size(); ++i) {
      const Slice& slice = batch.slices[i];
      const at::Tensor turned_nrc = batch_nrc.narrow(0, at, slice.count).to(at::kFloat);
      const at::Tensor update_nrc =
          scaled({slice.stack, slice.first, is_tall(slice) ? turned_nrc.transpose(1, 2) : turned_nrc, moves[i]});
      const at::Tensor weights_nrc = view(buffers_.parameters, slice);
      weights_nrc.mul_(keep).addcmul_(update_nrc, (moves[i] * -learning_rate).view({-1, 1, 1}));
      at += slice.count;
    }
  }
  const auto part = [&](const at::Tensor& flat) { return flat.slice(0, matrices_.begin, matrices_.end); };
  if (buffers_.shadow.defined()) part(buffers_.shadow).copy_(part(buffers_.parameters));
  part(buffers_.gradients).zero_();
}

at::Tensor Muon::scaled(const Update& update) {
  const auto longest = static_cast<double>(std::max(update.orthogonal_nrc.size(1), update.orthogonal_nrc.size(2)));
  return update.orthogonal_nrc * (kUpdateRms * std::sqrt(longest));
}

std::vector<OptimizerState> Muon::state() const {
  std::vector<OptimizerState> states = {{"momentum_buffer", momentum_, matrices_.begin}};
  for (OptimizerState& state : rest_.state()) states.push_back(std::move(state));
  return states;
}

void Muon::forget(FlatRange elements) {
  rest_.forget(elements);
  const int64_t first = std::max<int64_t>(elements.begin - matrices_.begin, 0);
  const int64_t last = std::min(elements.end, matrices_.end) - matrices_.begin;
  if (first < last) momentum_.narrow(0, first, last - first).zero_();
}

std::unique_ptr<Optimizer> make_muon(const OptimConfig& config, FlatBuffers buffers, const ParameterLayout& layout,
                                     std::vector<FlatRange> /*updated*/) {
  return std::make_unique<Muon>(std::move(buffers), layout, config);
}

OptimizerCost muon_cost(const OptimConfig& config, const ParameterLayout& layout) {
  OptimizerCost cost = adamw_cost(config, layout);
  for (const MatrixStack& stack : matrix_stacks(layout, config.orthogonalize == "parts")) {
    cost.flops += static_cast<double>(stack.count) * orthogonalize_flops(stack.rows, stack.columns);
    cost.state_bytes -= 4 * stack.count * stack.rows * stack.columns;  // one moment and not two
  }
  return cost;
}

}  // namespace mm
