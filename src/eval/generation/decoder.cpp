// What is in the cache is compared with what is asked for: texts of one beginning, turns of a conversation and a window
// that moves are one case.
#include "eval/generation/decoder.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/argsort.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>

#include <algorithm>

#include "core/error.h"

namespace mm {
namespace {

/// The part of a text that fits. It depends on the length alone, so that it moves once in half a context.
std::span<const int32_t> last_part(std::span<const int32_t> tokens, int64_t context) {
  const int64_t beyond = std::ssize(tokens) - context;
  if (beyond <= 0) return tokens;
  const int64_t half = (context + 1) / 2;
  return tokens.subspan(static_cast<size_t>((beyond + half - 1) / half * half));
}

}  // namespace

at::Tensor Decoder::next_logits(std::span<const int32_t> tokens) {
  require(!tokens.empty(), "a token follows another one");
  const at::NoGradGuard no_grad;
  const std::span<const int32_t> seen = last_part(tokens, context_);
  const auto common = std::ranges::mismatch(seen.first(seen.size() - 1), held_).in1 - seen.begin();
  cache_.truncate(common);
  held_.resize(static_cast<size_t>(common));
  const std::span<const int32_t> rest = seen.subspan(static_cast<size_t>(common));
  const at::Tensor rest_t = at::tensor(at::ArrayRef<int32_t>(rest.data(), rest.size()), at::kLong);
  const HiddenStates states = model_.forward_more(rest_t.unsqueeze(0).to(model_.device()), cache_);
  held_.insert(held_.end(), rest.begin(), rest.end());
  if (keeps_routes_) {
    routes_.resize(static_cast<size_t>(common));
    add_routes(states.reports, std::ssize(rest));
  }
  return model_.logits(states.hidden_nd.narrow(0, std::ssize(rest) - 1, 1))[0].to(at::kCPU, at::kFloat).contiguous();
}

void Decoder::add_routes(const LayerReports& reports, int64_t tokens) {
  // Of each layer the heaviest expert first.
  const at::Tensor weights_lns = at::stack(reports.weights_ns).to(at::kCPU, at::kFloat);
  const at::Tensor order_lns = weights_lns.argsort(/*stable=*/true, /*dim=*/-1, /*descending=*/true);
  const at::Tensor sorted_lns = weights_lns.gather(-1, order_lns).contiguous();
  const at::Tensor experts_lns = at::stack(reports.experts_ns).to(at::kCPU).gather(-1, order_lns).contiguous();
  const int64_t layers = experts_lns.size(0), slots = experts_lns.size(2);
  const int64_t* experts = experts_lns.const_data_ptr<int64_t>();
  const float* weights = sorted_lns.const_data_ptr<float>();
  for (int64_t token = 0; token < tokens; ++token) {
    TokenRoute& route = routes_.emplace_back();
    route.experts_per_layer = model_.config().moe.num_experts;
    route.slots = slots;
    route.first_layer = model_.config().moe.first_k_dense_replace;
    for (int64_t layer = 0; layer < layers; ++layer) {
      for (int64_t at = (layer * tokens + token) * slots, slot = 0; slot < slots; ++slot) {
        route.experts.push_back(static_cast<int32_t>(experts[at + slot]));
        route.weights.push_back(weights[at + slot]);
      }
    }
  }
}

}  // namespace mm
