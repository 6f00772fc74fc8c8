// Fused CUDA kernels on raw pointers and a stream: this header names no torch and no CUDA type, so that the `.cu` files
// compile without LibTorch's headers and their callers without CUDA's. Launches are asynchronous; one that fails throws
// Error(kDevice). Arithmetic is fp32. Tensors are contiguous unless strides are given. Nothing is added atomically: the
// same bytes every time.
// Axes: d features, v vocabulary, c features of one head, s top-k slots.
#pragma once

#include <cstdint>
#include <string>

namespace mm::cuda {

/// The element types that the kernels are compiled for. `void*` in a signature is a tensor of that type.
enum class ElementType { kFloat, kHalf, kBFloat16 };

/// A cudaStream_t.
using Stream = void*;

/// y[row][i] = silu(gate_up[row][i]) * gate_up[row][width + i].
///   gate_up [rows, 2 * width], y [rows, width]
void swiglu_forward(ElementType type, const void* gate_up, int64_t rows, int64_t width, void* y, Stream stream);
/// dgate_up [rows, 2 * width] from dy [rows, width].
void swiglu_backward(ElementType type, const void* dy, const void* gate_up, int64_t rows, int64_t width, void* dgate_up,
                     Stream stream);

/// Sums over rows, for gradients of weights, come as this many partial sums at most: one for each block that walks over
/// rows. A constant, so that the result does not depend on the GPU.
constexpr int64_t kPartialSums = 1024;
inline int64_t partial_sums(int64_t rows) {
  return rows < kPartialSums ? rows : kPartialSums;
}

/// Whether rows of `d` numbers are none too long for the norm: up to 1024, or 8192 where they can be taken 8 at a time.
inline bool takes_norm_width(int64_t d) {
  return d <= 1024 || (d % 8 == 0 && d <= 8192);
}

/// sum = x + branch;  y = sum / sqrt(mean(sum^2) + eps) * w, rounded to `type` behind the product with w or, as well,
/// before it.
///   x [rows, d] fp32; branch [rows, d] or null: then sum is x, and not written; w [d] fp32; sum [rows, d] fp32;
///   y [rows, d]
void add_rms_norm_forward(ElementType type, const float* x, const void* branch, const float* w, float eps, int64_t rows,
                          int64_t d, bool round_before_weight, float* sum, void* y, Stream stream);
/// dx = dsum + the gradient of the norm. dw is the sum of dw_partial.
///   dy [rows, d]; sum, dsum, dx [rows, d] fp32, dsum may be null: zeros; dbranch [rows, d] or null: dx, rounded;
///   dw_partial [partial_sums(rows), d] fp32
void add_rms_norm_backward(ElementType type, const void* dy, const float* sum, const float* dsum, const float* w,
                           float eps, int64_t rows, int64_t d, bool round_before_weight, float* dx, void* dbranch,
                           float* dw_partial, Stream stream);

/// Query and key heads in rows of joined projections: queries, keys, values.
struct JoinedHeads {
  int64_t rows;             ///< batch * time
  int64_t time;             ///< rows of one sequence; the position of a row is row % time
  int64_t heads;            ///< of queries
  int64_t key_value_heads;  ///< of keys, and as many of values
  int64_t c;                ///< takes_head_width(c)
  float eps;
  bool interleaved;  ///< rotary pairs (2i, 2i+1) instead of (i, i + c/2)
};
/// Heads of up to 64 even numbers, multiples of 8 up to 256, multiples of 16 up to 512.
inline bool takes_head_width(int64_t c) {
  return c % 2 == 0 && (c <= 64 || (c % 8 == 0 && c <= 256) || (c % 16 == 0 && c <= 512));
}

/// q[row][head] = rotate(norm(query head of the row)), k the same of keys; no norm where its weight is null.
///   qkv [rows, (heads + 2 * key_value_heads) * c]; q_norm, k_norm [c] fp32; cosine, sine [time, c/2] fp32;
///   q [rows, heads, c], k [rows, key_value_heads, c]
void rotary_forward(ElementType type, const JoinedHeads& shape, const void* qkv, const float* q_norm,
                    const float* k_norm, const float* cosine, const float* sine, void* q, void* k, Stream stream);
/// dqkv from dq, dk and dv [rows, key_value_heads, c]. dq_norm is the sum of norm_partial[0], dk_norm of
/// norm_partial[1].
///   norm_partial [2, partial_sums(rows), c] fp32; null without norms
void rotary_backward(ElementType type, const JoinedHeads& shape, const void* dq, const void* dk, const void* dv,
                     const void* qkv, const float* q_norm, const float* k_norm, const float* cosine, const float* sine,
                     void* dqkv, float* norm_partial, Stream stream);

/// The experts of a router whose product is one of these kernels: beyond, a product of tiles reads less.
constexpr int64_t kMostNarrowOutputs = 32;

/// Features, and what is made of them behind a router: its logits, and a row for each slot of a token.
struct RoutedShape {
  int64_t tokens, d;  ///< x [tokens, d]
  int64_t experts;    ///< w [experts, d] fp32; logits [tokens, experts] fp32
  int64_t slots;      ///< row_of [tokens, slots]; rows [tokens * slots, d]
};
/// The gradient of the weight comes as this many partial sums: fewer where each is larger, and none of no tokens.
inline int64_t router_slices(const RoutedShape& shape) {
  const int64_t most = 2048 / (shape.experts < 8 ? 8 : shape.experts), of_slice = (shape.tokens + most - 1) / most;
  return shape.tokens == 0 ? 0 : (shape.tokens + of_slice - 1) / of_slice;
}

/// logits = x W^T.
void router_product(ElementType type, const RoutedShape& shape, const void* x, const float* w, float* logits,
                    Stream stream);
/// dx = the sum of its rows' gradients + dx_shared + dlogits W. dw is the sum of dw_partial.
///   drows [tokens * slots, d]; dx_shared [tokens, d] or null: zeros; dx [tokens, d];
///   dw_partial [router_slices(shape), experts, d] fp32
void routed_features_backward(ElementType type, const RoutedShape& shape, const void* drows, const int64_t* row_of,
                              const void* dx_shared, const float* dlogits, const void* x, const float* w, void* dx,
                              float* dw_partial, Stream stream);

/// How a router's logits become a choice, and which losses are made of it.
struct RoutingRule {
  enum class Scoring { kSoftmax, kSigmoid, kSqrtSoftplus };
  enum class Balance { kNone, kToken, kStep, kSequence };

  int64_t sequences, time;  ///< tokens = sequences * time
  int64_t experts;          ///< up to kMostRoutedExperts
  int64_t slots;
  int64_t groups = 1, best_groups = 1;  ///< of experts, up to kMostGroups, and how many of them a token chooses from
  Scoring scoring = Scoring::kSoftmax;
  bool normalise = true;  ///< the weights of a token sum to `scale`
  float scale = 1;
  Balance balance = Balance::kNone;
  float balance_factor = 0, z_factor = 0;
};
constexpr int64_t kMostRoutedExperts = 256;
constexpr int64_t kMostGroups = 32;

/// A block routes so many tokens of one sequence, and leaves sums over them: for each expert of load, entropy, |logit|
/// and probability, then of tokens and of squared log-sum-exp. Padding has no part in any of them.
constexpr int64_t kTokensOfBlock = 64;
inline int64_t routing_blocks(const RoutingRule& rule) {
  return rule.sequences * ((rule.time + kTokensOfBlock - 1) / kTokensOfBlock);
}
inline int64_t routing_sums(int64_t experts) {
  return 4 * experts + 2;
}
/// Factors that routing_totals() leaves for the gradient: of the probability of each expert, and of squared
/// log-sum-exp.
inline int64_t routing_slopes(const RoutingRule& rule) {
  return (rule.balance == RoutingRule::Balance::kSequence ? rule.sequences : 1) * rule.experts + 1;
}

/// The experts of each token, from the highest score on, of equal ones the first; and their weights.
///   logits [tokens, experts]; bias [experts], added to the scores for the choice, or null; counted [tokens]: 1 or 0;
///   chosen, weights [tokens, slots]; partial [routing_sums(experts), routing_blocks(rule)]
void routing_forward(const RoutingRule& rule, const float* logits, const float* bias, const float* counted,
                     int64_t* chosen, float* weights, float* partial, Stream stream);
/// What the partial sums come to.
///   step_load [experts] for Balance::kStep; tokens_of_expert [experts]; sums [2, experts]: of entropy, of |logit|;
///   balance_loss, z_loss [1]; slopes [routing_slopes(rule)]
void routing_totals(const RoutingRule& rule, const float* partial, const float* step_load, int64_t* tokens_of_expert,
                    float* sums, float* balance_loss, float* z_loss, float* slopes, Stream stream);
/// dlogits [tokens, experts] from dweights [tokens, slots], dbalance [1] and dz [1]; null is zero.
void routing_backward(const RoutingRule& rule, const float* dweights, const float* dbalance, const float* dz,
                      const float* logits, const float* counted, const int64_t* chosen, const float* slopes,
                      float* dlogits, Stream stream);

/// How many experts sort_by_expert() takes.
constexpr int64_t kMostExperts = 1024;
/// A block sorts so many slots; all of them are this many blocks.
constexpr int64_t kSlotsOfBlock = 1024;
inline int64_t slot_blocks(int64_t slots) {
  return (slots + kSlotsOfBlock - 1) / kSlotsOfBlock;
}

/// Row by row the slots of expert 0, then those of expert 1, and so on, each in their order.
///   expert_of_slot [slots]; rows_be [slot_blocks(slots), num_experts] to work in; token_of_row [slots]: slot /
///   slots_of_token, or null; slot_of_row, row_of_slot [slots]; ends_e [num_experts]: one past the last row of each
void sort_by_expert(const int64_t* expert_of_slot, int64_t slots, int64_t slots_of_token, int64_t num_experts,
                    int32_t* rows_be, int64_t* token_of_row, int64_t* slot_of_row, int64_t* row_of_slot,
                    int32_t* ends_e, Stream stream);

/// y[token] = sum over slots of weight[token][slot] * x[row_of[token][slot]], + addend[token]. Weights of 1 where
/// `weight` is null, and none added where `addend` is.
///   x [any number of rows, d]; weight [tokens, slots] fp32; row_of [tokens, slots]; addend, y [tokens, d]
void gather_sum(ElementType type, const void* x, const float* weight, const int64_t* row_of, const void* addend,
                int64_t tokens, int64_t slots, int64_t d, void* y, Stream stream);
/// dx[row_of[token][slot]] = weight * dy[token];  dweight[token][slot] = <x[row_of[token][slot]], dy[token]>. Every row
/// of dx is written if every row is in `row_of` once.
void gather_sum_backward(ElementType type, const void* dy, const void* x, const float* weight, const int64_t* row_of,
                         int64_t tokens, int64_t slots, int64_t d, void* dx, float* dweight, Stream stream);

/// loss[row] = logsumexp(logits[row]) - logits[row][target], 0 where the target is negative.
///   logits [rows, v]; targets [rows]; loss, log_sum_exp [rows] fp32
void cross_entropy_forward(ElementType type, const void* logits, const int64_t* targets, int64_t rows, int64_t v,
                           float* loss, float* log_sum_exp, Stream stream);
/// dlogits = (softmax - onehot) * dloss[row], 0 where the target is negative. dlogits may be logits.
void cross_entropy_backward(ElementType type, const float* dloss, const void* logits, const int64_t* targets,
                            const float* log_sum_exp, int64_t rows, int64_t v, void* dlogits, Stream stream);

/// Rows sorted by expert.
struct ExpertRows {
  const int32_t* ends_e;  ///< [experts]: one past the last row of each
  int64_t experts, rows;
};
/// Whether products of such widths can be taken in tiles: 8 numbers of a row travel at a time. Tensors begin at
/// multiples of 16 bytes, and their type is one of 16 bits.
inline bool takes_grouped_linear(int64_t in, int64_t out) {
  return in > 0 && out > 0 && in % 8 == 0 && out % 8 == 0;
}

/// y[r] = w[expert of r] x[r], on tensor cores.
///   x [rows, in]; w [experts, out, in]; y [rows, out]
void grouped_linear_forward(ElementType type, const void* x, const void* w, const ExpertRows& rows, int64_t in,
                            int64_t out, void* y, Stream stream);
/// dx[r] = w[expert of r]^T dy[r].
void grouped_linear_input_gradient(ElementType type, const void* dy, const void* w, const ExpertRows& rows, int64_t in,
                                   int64_t out, void* dx, Stream stream);
/// sum[e] += dy^T x over the rows of e. Where sum is null dw[e] becomes that instead, zeros without rows.
///   sum [experts, out, in] fp32; dw [experts, out, in]
void grouped_linear_weight_gradient(ElementType type, const void* dy, const void* x, const ExpertRows& rows, int64_t in,
                                    int64_t out, float* sum, void* dw, Stream stream);

/// Of the current device: 90 is 9.0.
int compute_capability();
/// What a GPU is called, as "NVIDIA H200".
std::string device_name(int index);

/// sum[e] += term[e] for every expert that has rows. The term of one without is not read.
///   term [experts, size]; ends_e [experts]: one past the last row of each; sum [experts, size]
void add_experts(ElementType type, const void* term, const int32_t* ends_e, int64_t experts, int64_t size, float* sum,
                 Stream stream);

/// How many numbers are a row of the buffers that flat_norm() takes.
constexpr int64_t kNormRow = 1024;

/// norm = the L2 norm of flat [rows, kNormRow].
///   partial [partial_sums(rows)] to work in
void flat_norm(const float* flat, int64_t rows, double* partial, float* norm, Stream stream);

/// A range of the flat buffers of AdamW.
struct AdamWRange {
  float *parameters, *gradients, *first_moment, *second_moment;  ///< [size]
  void* shadow;                                                  ///< [shadowed]
  int64_t size, shadowed, decayed;                               ///< elements; the latter two from the first on
};

struct AdamWNumbers {
  double learning_rate, beta1, beta2, eps, weight_decay;
};

/// One update by AdamW from gradients / divisor, the number `updates` since the moments were 0. The shadow becomes the
/// parameters, rounded; gradients become 0. Where skip is 1 nothing changes but these.
///   divisor, skip, updates  one number each
void adamw_update(ElementType shadow_type, const AdamWRange& range, const AdamWNumbers& numbers, const float* divisor,
                  const float* skip, const float* updates, Stream stream);

}  // namespace mm::cuda
