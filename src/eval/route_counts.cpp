// Axes: n tokens of a batch, s slots, e experts.
#include "eval/route_counts.h"

#include <ATen/ops/zeros.h>

#include <array>

#include "core/characters/visible_text.h"
#include "core/text.h"

namespace mm {
namespace {

constexpr int64_t kLeastTimes = 8;  // that a token was routed, to be called typical

/// The text of one token. A tokenizer may drop the space that a text begins with, so it is asked for the token twice.
std::string token_text(const Tokenizer& tokenizer, size_t token) {
  const auto id = static_cast<int32_t>(token);
  if (id >= tokenizer.vocab_size()) return format("#%d", id);
  const std::string twice = tokenizer.decode_with_control(std::array{id, id});
  return twice.empty() ? format("#%d", id) : visible_text(std::string_view(twice).substr(twice.size() / 2));
}

}  // namespace

RouteCounts::RouteCounts(const ModelConfig& config, int64_t rows, at::Device device)
    : experts_(config.moe.num_experts), layers_(static_cast<size_t>(config.moe_layers())) {
  for (at::Tensor& counts : layers_) counts = at::zeros({rows * experts_}, at::TensorOptions(at::kLong).device(device));
}

void RouteCounts::add(const LayerReports& reports, const at::Tensor& rows_n, const at::Tensor& counted_n) {
  for (size_t layer = 0; layer < layers_.size(); ++layer) {
    const at::Tensor cells_ns = rows_n.unsqueeze(1) * experts_ + reports.experts_ns[layer];
    const at::Tensor counted_ns = counted_n.to(at::kLong).unsqueeze(1).expand_as(cells_ns);
    layers_[layer].scatter_add_(0, cells_ns.flatten(), counted_ns.reshape({-1}));
  }
}

CountTable RouteCounts::table(size_t layer) const {
  const at::Tensor counts = layers_[layer].cpu();
  const int64_t* values = counts.const_data_ptr<int64_t>();
  return {.columns = static_cast<size_t>(experts_), .counts = {values, values + counts.numel()}};
}

std::vector<std::vector<TypicalToken>> typical_tokens(const CountTable& by_token, int64_t slots, size_t most,
                                                      const Tokenizer& tokenizer) {
  std::vector<std::vector<TypicalToken>> typical;
  for (const std::vector<RowLift>& rows : typical_rows(by_token, kLeastTimes * slots, most)) {
    std::vector<TypicalToken>& tokens = typical.emplace_back();
    for (const RowLift& row : rows) {
      tokens.push_back({.text = token_text(tokenizer, row.row), .count = row.count / slots, .lift = row.lift});
    }
  }
  return typical;
}

}  // namespace mm
