// The partial sums of a router added up, and what depends on all of them: the losses, and the factors of their
// gradients. One block.
#include "ops/cuda/device_code.h"

namespace mm::cuda {
namespace {

using Balance = RoutingRule::Balance;

constexpr int kThreads = 512;
constexpr int kMostSums = 4 * static_cast<int>(kMostRoutedExperts) + 2;

/// The sum over blocks begin .. end of one column, by all lanes of a warp.
MM_DEVICE float sum_of_blocks(const float* column, int64_t begin, int64_t end) {
  Values<1> sum;
  for (int64_t b = begin + lane(); b < end; b += kWarp) sum[0] += column[b];
  return reduce_lanes(Sum(), sum)[0];
}

/// Every balancing loss is a sum of slope * probability; each thread returns its part, and slopes are written.
/// Of all tokens together:
MM_DEVICE float balance_of_batch(const RoutingRule& rule, const float* totals, const float* step_load, float* slopes) {
  const int experts = static_cast<int>(rule.experts);
  const float tokens = fmaxf(totals[4 * experts], 1.0f), pairs = tokens * static_cast<float>(rule.slots);
  float loss = 0;
  for (int e = thread(); e < experts; e += kThreads) {
    const float load = rule.balance == Balance::kStep ? step_load[e] : totals[e] / pairs;
    slopes[e] = rule.balance_factor * static_cast<float>(experts) * load / tokens;
    loss += slopes[e] * totals[3 * experts + e];
  }
  return loss;
}

/// Of each sequence by itself. A warp has a sequence and expert at a time.
MM_DEVICE float balance_of_sequences(const RoutingRule& rule, int64_t blocks_of_sequence, const float* partial,
                                     float* slopes) {
  const int64_t experts = rule.experts, all = rule.sequences * blocks_of_sequence;
  const int warp = thread() / kWarp, warps = kThreads / kWarp;
  const auto sum = [&](int64_t column, int64_t sequence) {
    return sum_of_blocks(partial + column * all, sequence * blocks_of_sequence, (sequence + 1) * blocks_of_sequence);
  };
  Values<1> with_tokens;
  for (int64_t s = warp; s < rule.sequences; s += warps) {
    const float tokens = sum(4 * experts, s);
    if (lane() == 0 && tokens > 0) with_tokens[0] += 1;
  }
  const float sequences = fmaxf(reduce_block(Sum(), with_tokens)[0], 1.0f);
  float loss = 0;
  for (int64_t place = warp; place < rule.sequences * experts; place += warps) {
    const int64_t s = place / experts, e = place % experts;
    const float tokens = fmaxf(sum(4 * experts, s), 1.0f), load = sum(e, s), probability = sum(3 * experts + e, s);
    const float share_of_pairs = load / (tokens * static_cast<float>(rule.slots));
    const float slope = rule.balance_factor * static_cast<float>(experts) * share_of_pairs / (tokens * sequences);
    if (lane() != 0) continue;
    slopes[place] = slope;
    loss += slope * probability;
  }
  return loss;
}

MM_KERNEL add_up(RoutingRule rule, int64_t blocks_of_sequence, const float* partial, const float* step_load,
                 int64_t* tokens_of_expert, float* sums, float* balance_loss, float* z_loss, float* slopes,
                 int64_t place_of_z) {
  MM_SHARED(float, totals, kMostSums);
  const int experts = static_cast<int>(rule.experts);
  const int64_t blocks = rule.sequences * blocks_of_sequence;
  for (int column = thread() / kWarp; column < 4 * experts + 2; column += kThreads / kWarp) {
    const float sum = sum_of_blocks(partial + column * blocks, 0, blocks);
    if (lane() == 0) totals[column] = sum;
  }
  barrier();
  for (int e = thread(); e < experts; e += kThreads) tokens_of_expert[e] = static_cast<int64_t>(totals[e]);
  for (int i = thread(); i < 2 * experts; i += kThreads) sums[i] = totals[experts + i];
  if (thread() == 0) {
    slopes[place_of_z] = rule.z_factor / fmaxf(totals[4 * experts], 1.0f);
    z_loss[0] = slopes[place_of_z] * totals[4 * experts + 1];
  }
  if (rule.balance == Balance::kNone) return;
  Values<1> loss;
  loss[0] = rule.balance == Balance::kSequence ? balance_of_sequences(rule, blocks_of_sequence, partial, slopes)
                                               : balance_of_batch(rule, totals, step_load, slopes);
  loss = reduce_block(Sum(), loss);
  if (thread() == 0) balance_loss[0] = loss[0];
}

}  // namespace

void routing_totals(const RoutingRule& rule, const float* partial, const float* step_load, int64_t* tokens_of_expert,
                    float* sums, float* balance_loss, float* z_loss, float* slopes, Stream stream) {
  launch(add_up, {1, kThreads}, stream, rule, (rule.time + kTokensOfBlock - 1) / kTokensOfBlock, partial, step_load,
         tokens_of_expert, sums, balance_loss, z_loss, slopes, routing_slopes(rule) - 1);
}

}  // namespace mm::cuda
