// Fused fp32 kernels for the CPU, on raw pointers: no torch header here. The callers in ops/*.cpp split the work over
// threads, so every function takes a range [begin, end) of rows. Each is compiled for AVX-512, AVX2 and plain x86-64,
// and the loader picks one. Floor of all of them: bytes in plus bytes out, once.
// Axes: d features, i feed-forward width, v vocabulary, c features of one head, s top-k slots.
#pragma once

#include <cstdint>

namespace mm::cpu {

/// y = x * inverse_rms * w;  inverse_rms[row] = 1 / sqrt(mean(x^2) + eps).
void rms_norm_forward(const float* x, const float* w, float eps, int64_t d, int64_t begin, int64_t end, float* y,
                      float* inverse_rms);
/// dx, and dw += the sum over the rows. dx may be dy.
void rms_norm_backward(const float* dy, const float* x, const float* w, const float* inverse_rms, int64_t d,
                       int64_t begin, int64_t end, float* dx, float* dw);

/// y[row][i] = silu(gate_up[row][i]) * gate_up[row][width + i].
void swiglu_forward(const float* gate_up, int64_t width, int64_t begin, int64_t end, float* y);
void swiglu_backward(const float* dy, const float* gate_up, int64_t width, int64_t begin, int64_t end, float* dgate_up);

/// loss[row] = logsumexp(logits[row]) - logits[row][target], 0 where the target is negative.
void cross_entropy_forward(const float* logits, const int64_t* targets, int64_t v, int64_t begin, int64_t end,
                           float* loss, float* log_sum_exp);
/// dlogits = (softmax - onehot) * dloss[row], 0 where the target is negative.
void cross_entropy_backward(const float* dloss, const float* logits, const int64_t* targets, const float* log_sum_exp,
                            int64_t v, int64_t begin, int64_t end, float* dlogits);

/// One kind of head (query or key) inside a row of joined projections.
struct HeadShape {
  int64_t heads;       ///< of this kind
  int64_t c;           ///< features of one head
  int64_t row_stride;  ///< elements from one row of the joined projections to the next
  int64_t time;        ///< rows of one sequence; the position of a row is row % time
  bool interleaved;    ///< rotary pairs (2i, 2i+1) instead of (i, i + c/2)
};

/// y[row][head] = rotate(norm(x[row][head])); no norm where `w` is null. cosine, sine: [time, c/2].
///   y [rows, heads, c] contiguous; inverse_rms [rows, heads], written only with a norm.
void rotary_forward(const HeadShape& shape, const float* x, const float* w, float eps, const float* cosine,
                    const float* sine, int64_t begin, int64_t end, float* y, float* inverse_rms);
/// dx at the place of x in the joined gradient, and dw += the sum over rows and heads (only with a norm).
void rotary_backward(const HeadShape& shape, const float* dy, const float* x, const float* w, const float* inverse_rms,
                     const float* cosine, const float* sine, int64_t begin, int64_t end, float* dx, float* dw);

/// y[token] = sum over slots of weight[token][slot] * x[row_of[token][slot]], + addend[token]. Weights of 1 where
/// `weight` is null, and none added where `addend` is.
void gather_sum(const float* x, const float* weight, const int64_t* row_of, const float* addend, int64_t slots,
                int64_t d, int64_t begin, int64_t end, float* y);
/// dx[row_of[token][slot]] = weight * dy[token];  dweight[token][slot] = <x[row_of[token][slot]], dy[token]>.
void gather_sum_backward(const float* dy, const float* x, const float* weight, const int64_t* row_of, int64_t slots,
                         int64_t d, int64_t begin, int64_t end, float* dx, float* dweight);

}  // namespace mm::cpu
