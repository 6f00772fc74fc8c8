// A router's product, with a weight of few rows, in fp32 and of x as it lies: a library's product would want a copy of
// x in fp32, and one of its gradient. A warp has some tokens, and each value of the weight that it reads serves all of
// them. And one pass for the gradient of x, which comes back from the product, from the rows of the experts, and from
// shared experts.
#include "ops/cuda/device_code.h"

namespace mm::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kTokens = 4;   // at a time
constexpr int kExperts = 8;  // at a time
static_assert(kTokens * kExperts == kWarp);

template <int N, class T>
MM_KERNEL product(RoutedShape shape, const T* x, const float* w, float* logits) {
  const int64_t first = (block() * (kThreads / kWarp) + thread() / kWarp) * kTokens;
  if (first >= shape.tokens) return;  // all of the warp
  for (int64_t e = 0; e < shape.experts; e += kExperts) {
    Values<kTokens * kExperts> sums;
    for (int64_t column = lane() * N; column < shape.d; column += kWarp * N) {
      Values<N> of_token[kTokens];
      MM_UNROLL
      for (int t = 0; t < kTokens; ++t) {
        if (first + t < shape.tokens) of_token[t] = load<N>(x + (first + t) * shape.d + column);
      }
      MM_UNROLL
      for (int k = 0; k < kExperts; ++k) {
        if (e + k >= shape.experts) continue;
        const Values<N> weight = load<N>(w + (e + k) * shape.d + column);
        MM_UNROLL
        for (int t = 0; t < kTokens; ++t) {
          MM_UNROLL
          for (int i = 0; i < N; ++i) sums[k * kTokens + t] += of_token[t][i] * weight[i];
        }
      }
    }
    sums = reduce_lanes(Sum(), sums);
    float mine = 0;  // each lane stores one of them
    MM_UNROLL
    for (int i = 0; i < kWarp; ++i) mine = lane() == i ? sums[i] : mine;
    const int64_t token = first + lane() % kTokens, expert = e + lane() / kTokens;
    if (token < shape.tokens && expert < shape.experts) logits[token * shape.experts + expert] = mine;
  }
}

template <int N>
MM_DEVICE void add(Values<N>& sum, const Values<N>& x) {
  MM_UNROLL
  for (int i = 0; i < N; ++i) sum[i] += x[i];
}

template <int N, class T>
MM_KERNEL input_gradient(RoutedShape shape, const T* drows, const int64_t* row_of, const T* dx_shared,
                         const float* dlogits, const float* w, int64_t chunks, T* dx) {
  const auto [group, column] = row_place<N>(chunks);
  if (column >= shape.d) return;
  const int64_t first = group * kTokens;
  Values<N> sums[kTokens];
  MM_UNROLL
  for (int t = 0; t < kTokens; ++t) {
    const int64_t token = first + t;
    if (token >= shape.tokens) continue;
    if (dx_shared != nullptr) sums[t] = load<N>(dx_shared + token * shape.d + column);
    for (int64_t place = token * shape.slots; place < (token + 1) * shape.slots; ++place) {
      add(sums[t], load<N>(drows + row_of[place] * shape.d + column));
    }
  }
  for (int64_t e = 0; e < shape.experts; ++e) {
    const Values<N> weight = load<N>(w + e * shape.d + column);
    MM_UNROLL
    for (int t = 0; t < kTokens; ++t) {
      if (first + t >= shape.tokens) continue;
      const float upstream = dlogits[(first + t) * shape.experts + e];
      MM_UNROLL
      for (int i = 0; i < N; ++i) sums[t][i] += upstream * weight[i];
    }
  }
  MM_UNROLL
  for (int t = 0; t < kTokens; ++t) {
    if (first + t < shape.tokens) store(dx + (first + t) * shape.d + column, sums[t]);
  }
}

/// A row of blocks has some experts, a block a slice of the tokens and a part of the features.
template <int N, class T>
MM_KERNEL weight_gradient(RoutedShape shape, const float* dlogits, const T* x, int64_t tokens_of_slice, int64_t chunks,
                          float* dw_partial) {
  const auto [slice, column] = row_place<N>(chunks);
  if (column >= shape.d) return;
  const int64_t first = static_cast<int64_t>(block_row()) * kExperts, begin = slice * tokens_of_slice;
  const int64_t end = begin + tokens_of_slice < shape.tokens ? begin + tokens_of_slice : shape.tokens;
  Values<N> sums[kExperts];
  for (int64_t token = begin; token < end; ++token) {
    const Values<N> value = load<N>(x + token * shape.d + column);
    MM_UNROLL
    for (int k = 0; k < kExperts; ++k) {
      if (first + k >= shape.experts) continue;
      const float upstream = dlogits[token * shape.experts + first + k];
      MM_UNROLL
      for (int i = 0; i < N; ++i) sums[k][i] += upstream * value[i];
    }
  }
  MM_UNROLL
  for (int k = 0; k < kExperts; ++k) {
    if (first + k < shape.experts) {
      store(dw_partial + (slice * shape.experts + first + k) * shape.d + column, sums[k]);
    }
  }
}

/// How many groups of `of_group` have `count`.
int64_t groups(int64_t count, int64_t of_group) {
  return (count + of_group - 1) / of_group;
}

}  // namespace

void router_product(ElementType type, const RoutedShape& shape, const void* x, const float* w, float* logits,
                    Stream stream) {
  with_type(type, [&]<class T>(T) {
    with_width(is_wide(shape.d, x, w), [&]<int N>(Width<N>) {
      launch(product<N, T>, {groups(shape.tokens, kThreads / kWarp * kTokens), kThreads}, stream, shape,
             static_cast<const T*>(x), w, logits);
    });
  });
}

void routed_features_backward(ElementType type, const RoutedShape& shape, const void* drows, const int64_t* row_of,
                              const void* dx_shared, const float* dlogits, const void* x, const float* w, void* dx,
                              float* dw_partial, Stream stream) {
  with_type(type, [&]<class T>(T) {
    with_width(is_wide(shape.d, drows, dx_shared, x, w, dx, dw_partial), [&]<int N>(Width<N>) {
      const RowBlocks of_row = row_blocks(shape.d / N);
      launch(input_gradient<N, T>, {groups(shape.tokens, kTokens) * of_row.chunks, of_row.threads}, stream, shape,
             static_cast<const T*>(drows), row_of, static_cast<const T*>(dx_shared), dlogits, w, of_row.chunks,
             static_cast<T*>(dx));
      const int64_t slices = router_slices(shape);
      if (slices == 0) return;
      launch(weight_gradient<N, T>,
             {slices * of_row.chunks, of_row.threads, static_cast<int>(groups(shape.experts, kExperts))}, stream, shape,
             dlogits, static_cast<const T*>(x), groups(shape.tokens, slices), of_row.chunks, dw_partial);
    });
  });
}

}  // namespace mm::cuda
