// From the gradients of weights and losses to that of the router's logits in one pass: a few lanes share a token, and
// compute its scores again.
#include "ops/cuda/routing/scores.h"

namespace mm::cuda {
namespace {

constexpr int kThreads = 128;

/// The upstream gradients of the experts that were chosen.
template <int V>
struct Upstream {
  Values<V> of;  ///< 0 where not chosen
  bool chosen[V];
};

template <int V>
MM_DEVICE Upstream<V> upstream_of(const RoutingRule& rule, const float* dweights, const int64_t* chosen, bool inside,
                                  int lanes) {
  Upstream<V> upstream;
  MM_UNROLL
  for (int v = 0; v < V; ++v) upstream.chosen[v] = false;
  if (!inside) return upstream;
  for (int64_t slot = 0; slot < rule.slots; ++slot) {
    MM_UNROLL
    for (int v = 0; v < V; ++v) {
      if (chosen[slot] != thread() % lanes + v * lanes) continue;
      upstream.chosen[v] = true;
      if (dweights != nullptr) upstream.of[v] = rule.scale * dweights[slot];
    }
  }
  return upstream;
}

/// dx of y = softmax(x): y (dy - <y, dy>).
template <int V>
MM_DEVICE Values<V> softmax_backward(const Values<V>& y, const Values<V>& dy, int lanes) {
  Values<1> dot;
  MM_UNROLL
  for (int v = 0; v < V; ++v) dot[0] += y[v] * dy[v];
  dot = reduce_lanes(Sum(), dot, lanes);
  Values<V> dx;
  MM_UNROLL
  for (int v = 0; v < V; ++v) dx[v] = y[v] * (dy[v] - dot[0]);
  return dx;
}

template <int V>
MM_KERNEL backward(RoutingRule rule, int lanes, const float* dweights, const float* dbalance, const float* dz,
                   const float* logits, const float* counted, const int64_t* chosen, const float* slopes,
                   int64_t place_of_z, float* dlogits) {
  const int64_t token = block() * (kThreads / lanes) + thread() / lanes;
  const bool inside = token < rule.sequences * rule.time;
  const int first = thread() % lanes;
  const TokenLogits<V> row = load_logits<V>(rule, logits + token * rule.experts, inside, lanes);
  const Softmax<V> probabilities = softmax(row.log_scores, lanes);
  const Softmax<V> of_logits = softmax_of_logits(rule, row, probabilities, lanes);
  const Upstream<V> upstream = upstream_of<V>(rule, dweights == nullptr ? nullptr : dweights + token * rule.slots,
                                              chosen + token * rule.slots, inside, lanes);
  const float counts = inside ? counted[token] : 0.0f;
  const bool of_scores = !rule.normalise && rule.scoring != Scoring::kSoftmax;

  Values<V> dprobabilities;
  if (dbalance != nullptr && inside) {
    const float* of_sequence =
        rule.balance == RoutingRule::Balance::kSequence ? slopes + token / rule.time * rule.experts : slopes;
    MM_UNROLL
    for (int v = 0; v < V; ++v) {
      const int e = first + v * lanes;
      if (e < rule.experts) dprobabilities[v] = dbalance[0] * counts * of_sequence[e];
    }
  }
  if (!rule.normalise && !of_scores) {
    MM_UNROLL
    for (int v = 0; v < V; ++v) dprobabilities[v] += upstream.of[v];
  }
  Values<V> dlog_scores = softmax_backward(probabilities.shares, dprobabilities, lanes);
  if (rule.normalise) {
    Values<V> chosen_alone = row.log_scores;
    MM_UNROLL
    for (int v = 0; v < V; ++v) {
      if (!upstream.chosen[v]) chosen_alone[v] = -INFINITY;
    }
    const Values<V> weights = softmax(chosen_alone, lanes).shares;
    const Values<V> of_weights = softmax_backward(weights, upstream.of, lanes);
    MM_UNROLL
    for (int v = 0; v < V; ++v) dlog_scores[v] += of_weights[v];
  }
  if (!inside) return;
  const float of_log_sum = dz == nullptr ? 0.0f : dz[0] * counts * slopes[place_of_z] * 2.0f * of_logits.log_sum;
  MM_UNROLL
  for (int v = 0; v < V; ++v) {
    const int e = first + v * lanes;
    if (e >= rule.experts) continue;
    float dx = dlog_scores[v] * log_score_slope(rule.scoring, row.x[v]);
    if (of_scores) dx += upstream.of[v] * score_slope(rule.scoring, row.x[v]);
    dlogits[token * rule.experts + e] = dx + of_log_sum * of_logits.shares[v];
  }
}

}  // namespace

void routing_backward(const RoutingRule& rule, const float* dweights, const float* dbalance, const float* dz,
                      const float* logits, const float* counted, const int64_t* chosen, const float* slopes,
                      float* dlogits, Stream stream) {
  with_lanes(rule.experts, [&]<int V>(Width<V>, int lanes) {
    const int64_t groups = kThreads / lanes;
    launch(backward<V>, {(rule.sequences * rule.time + groups - 1) / groups, kThreads}, stream, rule, lanes, dweights,
           dbalance, dz, logits, counted, chosen, slopes, routing_slopes(rule) - 1, dlogits);
  });
}

}  // namespace mm::cuda
