// What the kernels of the router share: the logits of a token, spread over a group of lanes, and what follows from
// them. Lane i of a group has the experts i, i + lanes, ...: V of them at most.
#pragma once

#include "ops/cuda/device_code.h"

namespace mm::cuda {

using Scoring = RoutingRule::Scoring;

MM_DEVICE bool limits_groups(const RoutingRule& rule) {
  return rule.best_groups < rule.groups;
}

MM_DEVICE float softplus(float x) {
  return fmaxf(x, 0.0f) + log1pf(expf(-fabsf(x)));
}

constexpr float kLeastSoftplus = 1e-20f;  // the root has an infinite slope at 0
constexpr float kLinear = -17.0f;         // below this log(softplus(x)) is x to the last bit

/// The score of a logit by itself: not of softmax.
MM_DEVICE float score(Scoring scoring, float x) {
  return scoring == Scoring::kSigmoid ? sigmoid(x) : sqrtf(fmaxf(softplus(x), kLeastSoftplus));
}
MM_DEVICE float score_slope(Scoring scoring, float x) {
  if (scoring == Scoring::kSigmoid) return sigmoid(x) * sigmoid(-x);
  return softplus(x) < kLeastSoftplus ? 0.0f : 0.5f * sigmoid(x) / score(scoring, x);
}

/// log(score), of softmax up to a summand that is the same for all experts of the token.
MM_DEVICE float log_score(Scoring scoring, float x) {
  if (scoring == Scoring::kSoftmax) return x;
  if (scoring == Scoring::kSigmoid) return -softplus(-x);
  return 0.5f * (x < kLinear ? x : logf(softplus(x)));
}
MM_DEVICE float log_score_slope(Scoring scoring, float x) {
  if (scoring == Scoring::kSoftmax) return 1.0f;
  if (scoring == Scoring::kSigmoid) return sigmoid(-x);
  return 0.5f * (x < kLinear ? 1.0f : sigmoid(x) / softplus(x));
}

/// Softmax over the experts of a token; of those with -inf it is 0.
template <int V>
struct Softmax {
  Values<V> shares;
  float log_sum;  ///< logsumexp
};

template <int V>
MM_DEVICE Softmax<V> softmax(const Values<V>& x, int lanes) {
  Values<1> peak, sum;
  peak[0] = -INFINITY;
  MM_UNROLL
  for (int v = 0; v < V; ++v) peak[0] = fmaxf(peak[0], x[v]);
  peak = reduce_lanes(Max(), peak, lanes);
  Softmax<V> y;
  MM_UNROLL
  for (int v = 0; v < V; ++v) {
    y.shares[v] = share(x[v], peak[0]);
    sum[0] += y.shares[v];
  }
  sum = reduce_lanes(Sum(), sum, lanes);
  MM_UNROLL
  for (int v = 0; v < V; ++v) y.shares[v] /= sum[0];
  y.log_sum = peak[0] + logf(sum[0]);
  return y;
}

/// The experts of one token that a lane has.
template <int V>
struct TokenLogits {
  Values<V> x;           ///< logits
  Values<V> log_scores;  ///< -inf for experts that there are not
};

template <int V>
MM_DEVICE TokenLogits<V> load_logits(const RoutingRule& rule, const float* logits, bool inside, int lanes) {
  const int experts = static_cast<int>(rule.experts), first = thread() % lanes;
  TokenLogits<V> token;
  MM_UNROLL
  for (int v = 0; v < V; ++v) {
    const int e = first + v * lanes;
    if (inside && e < experts) token.x[v] = logits[e];
    token.log_scores[v] = e < experts ? log_score(rule.scoring, token.x[v]) : -INFINITY;
  }
  return token;
}

/// logsumexp of the logits, and their softmax.
template <int V>
MM_DEVICE Softmax<V> softmax_of_logits(const RoutingRule& rule, const TokenLogits<V>& token,
                                       const Softmax<V>& probabilities, int lanes) {
  if (rule.scoring == Scoring::kSoftmax) return probabilities;
  Values<V> x = token.x;
  MM_UNROLL
  for (int v = 0; v < V; ++v) {
    if (token.log_scores[v] == -INFINITY) x[v] = -INFINITY;
  }
  return softmax(x, lanes);
}

/// Calls `body` with Width<V> and the lanes of a group.
template <class Body>
void with_lanes(int64_t experts, const Body& body) {
  int lanes = 1;
  while (lanes < kWarp && lanes < experts) lanes *= 2;
  if (experts <= lanes) return body(Width<1>(), lanes);
  if (experts <= 2 * lanes) return body(Width<2>(), lanes);
  if (experts <= 4 * lanes) return body(Width<4>(), lanes);
  body(Width<8>(), lanes);
}

}  // namespace mm::cuda
