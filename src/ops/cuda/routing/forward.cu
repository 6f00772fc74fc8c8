// Scores, choice and weights of a router, and partial sums of all that is told of it, in one pass: a few lanes share a
// token.
#include "ops/cuda/routing/scores.h"

namespace mm::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / kWarp;

/// Somebody who may be chosen. Numbers up to 2^24 are whole in a float, which is what lanes exchange.
struct Candidate {
  float key = -INFINITY;
  float place = INFINITY;
};

/// NaN is the highest, as in at::topk; of equal keys the first place.
MM_DEVICE bool precedes(const Candidate& a, const Candidate& b) {
  const bool a_nan = a.key != a.key, b_nan = b.key != b.key;
  if (a_nan != b_nan) return a_nan;
  if (!a_nan && a.key != b.key) return a.key > b.key;
  return a.place < b.place;
}

MM_DEVICE Candidate best_of_lanes(Candidate mine, int lanes) {
  for (int mask = lanes / 2; mask > 0; mask /= 2) {
    const Candidate other{shuffle_xor(mine.key, mask), shuffle_xor(mine.place, mask)};
    if (precedes(other, mine)) mine = other;
  }
  return mine;
}

/// -1, or the slot that an expert was chosen for.
template <int V>
struct Slots {
  int of[V];
};

/// The `count` experts of the highest keys among those that `may` be chosen.
template <int V, class May>
MM_DEVICE Slots<V> choose(const Values<V>& keys, int count, int lanes, const May& may) {
  const int first = thread() % lanes;
  Slots<V> slots;
  MM_UNROLL
  for (int v = 0; v < V; ++v) slots.of[v] = -1;
  for (int slot = 0; slot < count; ++slot) {
    Candidate mine;
    MM_UNROLL
    for (int v = 0; v < V; ++v) {
      const Candidate candidate{keys[v], static_cast<float>(first + v * lanes)};
      if (slots.of[v] < 0 && may(first + v * lanes) && precedes(candidate, mine)) mine = candidate;
    }
    const Candidate best = best_of_lanes(mine, lanes);
    MM_UNROLL
    for (int v = 0; v < V; ++v) {
      if (static_cast<float>(first + v * lanes) == best.place) slots.of[v] = slot;
    }
  }
  return slots;
}

/// Which groups a token may choose from, a bit for each. A group counts as much as its two best together.
template <int V>
MM_DEVICE uint32_t best_groups(const RoutingRule& rule, const Values<V>& keys, int lanes) {
  const int groups = static_cast<int>(rule.groups), size = static_cast<int>(rule.experts) / groups;
  Values<1> of_group;  // lane i has that of group i
  for (int group = 0; group < groups; ++group) {
    const Slots<V> two =
        choose(keys, size < 2 ? size : 2, lanes, [=](int e) { return e < rule.experts && e / size == group; });
    Values<1> sum;
    MM_UNROLL
    for (int v = 0; v < V; ++v) {
      if (two.of[v] >= 0) sum[0] += keys[v];
    }
    sum = reduce_lanes(Sum(), sum, lanes);
    if (thread() % lanes == group) of_group = sum;
  }
  const Slots<1> chosen =
      choose(of_group, static_cast<int>(rule.best_groups), lanes, [=](int group) { return group < groups; });
  // Bits of different lanes do not meet; a float holds 24 of them.
  Values<2> bits;
  const int lane_of_group = thread() % lanes;
  if (chosen.of[0] >= 0) bits[lane_of_group / 16] = static_cast<float>(1 << lane_of_group % 16);
  bits = reduce_lanes(Sum(), bits, lanes);
  return static_cast<uint32_t>(bits[0]) | static_cast<uint32_t>(bits[1]) << 16;
}

template <int V>
MM_DEVICE Slots<V> choose_experts(const RoutingRule& rule, const TokenLogits<V>& token, const Values<V>& scores,
                                  const float* bias, int lanes) {
  const int slots = static_cast<int>(rule.slots), first = thread() % lanes;
  const auto exists = [&](int e) { return e < rule.experts; };
  // Scores rise with logits, but those of very low or high logits are equal.
  if (bias == nullptr && !limits_groups(rule)) return choose(token.x, slots, lanes, exists);
  Values<V> keys = scores;
  MM_UNROLL
  for (int v = 0; v < V; ++v) {
    if (bias != nullptr && exists(first + v * lanes)) keys[v] += bias[first + v * lanes];
  }
  if (!limits_groups(rule)) return choose(keys, slots, lanes, exists);
  const uint32_t groups = best_groups(rule, keys, lanes);
  const int size = static_cast<int>(rule.experts / rule.groups);
  return choose(keys, slots, lanes, [=](int e) { return exists(e) && (groups >> e / size & 1) != 0; });
}

/// A thread's sums over tokens, by expert.
template <int V>
struct Sums {
  Values<V> load, entropy, size, probability;
  Values<2> of_tokens;
};

/// The sums of a block: over the groups of a warp, then over its warps.
template <int V>
MM_DEVICE void store_sums(Sums<V> sums, int experts, int lanes, float* partial) {
  constexpr int kOfLane = 4 * V;
  MM_SHARED(float, of_experts, kWarps* kOfLane* kWarp);
  MM_SHARED(float, of_tokens, kWarps * 2);
  const int warp = thread() / kWarp;
  const auto add_groups = [&](float x) {
    for (int mask = lanes; mask < kWarp; mask *= 2) x += shuffle_xor(x, mask);
    return x;
  };
  MM_UNROLL
  for (int v = 0; v < V; ++v) {
    const float of_warp[] = {add_groups(sums.load[v]), add_groups(sums.entropy[v]), add_groups(sums.size[v]),
                             add_groups(sums.probability[v])};
    MM_UNROLL
    for (int q = 0; q < 4; ++q) of_experts[(warp * kOfLane + q * V + v) * kWarp + lane()] = of_warp[q];
  }
  MM_UNROLL
  for (int q = 0; q < 2; ++q) {
    const float of_warp = add_groups(sums.of_tokens[q]);
    if (lane() == 0) of_tokens[warp * 2 + q] = of_warp;
  }
  barrier();
  for (int column = thread(); column < 4 * experts + 2; column += kThreads) {
    const int q = column / experts, e = column % experts;
    float sum = 0;
    for (int w = 0; w < kWarps; ++w) {
      sum += q < 4 ? of_experts[(w * kOfLane + q * V + e / lanes) * kWarp + e % lanes]
                   : of_tokens[w * 2 + column - 4 * experts];
    }
    partial[column * blocks() + block()] = sum;
  }
}

template <int V>
MM_KERNEL forward(RoutingRule rule, int lanes, int64_t blocks_of_sequence, const float* logits, const float* bias,
                  const float* counted, int64_t* chosen, float* weights, float* partial) {
  const int64_t sequence = block() / blocks_of_sequence, begin = block() % blocks_of_sequence * kTokensOfBlock;
  const int64_t here = rule.time - begin < kTokensOfBlock ? rule.time - begin : kTokensOfBlock;
  const int experts = static_cast<int>(rule.experts), first = thread() % lanes;
  const int of_warp = kWarp / lanes;  // tokens that it takes at a time: all of its lanes go round as often
  Sums<V> sums;
  for (int64_t i = thread() / kWarp * of_warp; i < here; i += kWarps * of_warp) {
    const int64_t at = i + lane() / lanes, token = sequence * rule.time + begin + at;
    const bool inside = at < here;
    const TokenLogits<V> row = load_logits<V>(rule, logits + token * rule.experts, inside, lanes);
    const Softmax<V> probabilities = softmax(row.log_scores, lanes);
    const Softmax<V> of_logits = softmax_of_logits(rule, row, probabilities, lanes);
    Values<V> scores = probabilities.shares;
    if (rule.scoring != Scoring::kSoftmax) {
      MM_UNROLL
      for (int v = 0; v < V; ++v) scores[v] = score(rule.scoring, row.x[v]);
    }
    const Slots<V> slots = choose_experts(rule, row, scores, bias, lanes);
    if (rule.normalise) {
      Values<V> chosen_alone = row.log_scores;
      MM_UNROLL
      for (int v = 0; v < V; ++v) {
        if (slots.of[v] < 0) chosen_alone[v] = -INFINITY;
      }
      scores = softmax(chosen_alone, lanes).shares;
    }
    if (!inside) continue;
    const float counts = counted[token];
    MM_UNROLL
    for (int v = 0; v < V; ++v) {
      const float p = probabilities.shares[v];
      if (slots.of[v] >= 0) {
        chosen[token * rule.slots + slots.of[v]] = first + v * lanes;
        weights[token * rule.slots + slots.of[v]] = scores[v] * rule.scale;
        sums.load[v] += counts;
      }
      sums.entropy[v] += counts * (p == 0.0f ? 0.0f : -p * (row.log_scores[v] - probabilities.log_sum));
      sums.size[v] += counts * fabsf(row.x[v]);
      sums.probability[v] += counts * p;
    }
    if (first == 0) {
      sums.of_tokens[0] += counts;
      sums.of_tokens[1] += counts * of_logits.log_sum * of_logits.log_sum;
    }
  }
  store_sums(sums, experts, lanes, partial);
}

}  // namespace

void routing_forward(const RoutingRule& rule, const float* logits, const float* bias, const float* counted,
                     int64_t* chosen, float* weights, float* partial, Stream stream) {
  with_lanes(rule.experts, [&]<int V>(Width<V>, int lanes) {
    launch(forward<V>, {routing_blocks(rule), kThreads}, stream, rule, lanes,
           (rule.time + kTokensOfBlock - 1) / kTokensOfBlock, logits, bias, counted, chosen, weights, partial);
  });
}

}  // namespace mm::cuda
