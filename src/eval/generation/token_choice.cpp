// A heap in place of a sorted vocabulary: the few likeliest tokens are taken from it one by one.
#include "eval/generation/token_choice.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace mm {

int32_t TokenChooser::choose(std::span<const float> logits, std::span<const int32_t> seen) {
  const auto is_finite = [](float logit) { return std::isfinite(logit); };
  if (logits.empty() || !std::ranges::all_of(logits, is_finite)) {
    throw Error(ExitCode::kDiverged, "the model's logits are not finite numbers, so no token can be drawn from them");
  }
  logits_.assign(logits.begin(), logits.end());
  if (rule_.repetition_penalty != 1) penalize(seen);
  if (rule_.temperature == 0) return static_cast<int32_t>(std::ranges::max_element(logits_) - logits_.begin());
  return draw();
}

void TokenChooser::penalize(std::span<const int32_t> seen) {
  penalized_.assign(logits_.size(), false);
  const auto penalty = static_cast<float>(rule_.repetition_penalty);
  for (const int32_t id : seen) {
    const auto at = static_cast<size_t>(id);
    if (at >= logits_.size() || penalized_[at]) continue;
    penalized_[at] = true;
    logits_[at] = logits_[at] > 0 ? logits_[at] / penalty : logits_[at] * penalty;
  }
}

int32_t TokenChooser::draw() {
  const double highest = *std::ranges::max_element(logits_);
  double total = 0;
  heap_.clear();
  for (size_t id = 0; id < logits_.size(); ++id) {
    heap_.push_back({std::exp((logits_[id] - highest) / rule_.temperature), static_cast<int32_t>(id)});
    total += heap_.back().probability;
  }
  const auto less_likely = [](const Candidate& a, const Candidate& b) {
    return a.probability != b.probability ? a.probability < b.probability : a.id > b.id;
  };
  std::ranges::make_heap(heap_, less_likely);

  // Takes tokens, likeliest first, until there are `most` or they have `enough` of the probability.
  kept_.clear();
  double mass = 0;
  const auto take = [&](size_t most, double enough) {
    while (kept_.size() < most && !heap_.empty() && mass < enough) {
      std::ranges::pop_heap(heap_, less_likely);
      kept_.push_back(heap_.back());
      heap_.pop_back();
      mass += kept_.back().probability;
    }
  };
  const bool limited = rule_.top_k > 0 && static_cast<size_t>(rule_.top_k) < logits_.size();
  if (limited) {
    // top_p is a share of what top_k leaves.
    take(static_cast<size_t>(rule_.top_k), total);
    total = mass;
    heap_.assign(kept_.rbegin(), kept_.rend());
    std::ranges::make_heap(heap_, less_likely);
    kept_.clear();
    mass = 0;
  }
  take(logits_.size(), rule_.top_p * total);
  while (kept_.size() > 1 && kept_.back().probability < rule_.min_p * kept_.front().probability) {
    mass -= kept_.back().probability;
    kept_.pop_back();
  }

  double point = random_.uniform() * mass;
  size_t chosen = 0;
  while (chosen + 1 < kept_.size() && point >= kept_[chosen].probability) point -= kept_[chosen++].probability;
  return kept_[chosen].id;
}

}  // namespace mm
