// Norm and rotation of query and key heads, where they lie in the joined projections, as one pass each way. A few lanes
// share a head; each has N of its pairs in registers. A row of blocks has the queries, one the keys, one the values.
#include "ops/cuda/device_code.h"

namespace mm::cuda {
namespace {

constexpr int kThreads = 128;

enum Kind { kQueries, kKeys, kValues };

/// The heads of one kind in the joined rows.
struct KindOfHeads {
  int64_t items;  ///< rows * heads
  uint32_t heads;
  int64_t place;  ///< of the first head in a row
};

MM_DEVICE KindOfHeads kind_of_heads(const JoinedHeads& shape, int kind) {
  const int64_t heads = kind == kQueries ? shape.heads : shape.key_value_heads;
  const int64_t before = kind == kQueries ? 0 : kind == kKeys ? shape.heads : shape.heads + shape.key_value_heads;
  return {shape.rows * heads, static_cast<uint32_t>(heads), before * shape.c};
}

/// One head of one row.
struct Head {
  int64_t joined;  ///< its first element in the joined rows
  int64_t angle;   ///< that of the cosine of its position
};

MM_DEVICE Head head_of(const JoinedHeads& shape, const KindOfHeads& kind, int64_t item) {
  const uint32_t row = static_cast<uint32_t>(item) / kind.heads, head = static_cast<uint32_t>(item) - row * kind.heads;
  const int64_t row_width = (shape.heads + 2 * shape.key_value_heads) * shape.c;
  return {row * row_width + kind.place + head * shape.c, row % static_cast<uint32_t>(shape.time) * (shape.c / 2)};
}

/// N pairs that turn together: (a[i], b[i]).
template <int N>
struct Pairs {
  Values<N> a, b;
};

template <int N, class T>
MM_DEVICE Pairs<N> load_pairs(const T* head, int64_t pair, const JoinedHeads& shape) {
  if (!shape.interleaved) return {load<N>(head + pair), load<N>(head + shape.c / 2 + pair)};
  const Values<N> low = load<N>(head + 2 * pair), high = load<N>(head + 2 * pair + N);
  Pairs<N> x;
  MM_UNROLL
  for (int i = 0; i < N; ++i) {
    x.a[i] = 2 * i < N ? low[2 * i] : high[2 * i - N];
    x.b[i] = 2 * i + 1 < N ? low[2 * i + 1] : high[2 * i + 1 - N];
  }
  return x;
}

template <int N, class T>
MM_DEVICE void store_pairs(T* head, int64_t pair, const JoinedHeads& shape, const Pairs<N>& x) {
  if (!shape.interleaved) {
    store(head + pair, x.a);
    store(head + shape.c / 2 + pair, x.b);
    return;
  }
  Values<N> low, high;
  MM_UNROLL
  for (int i = 0; i < N; ++i) {
    low[i] = i % 2 == 0 ? x.a[i / 2] : x.b[i / 2];
    high[i] = (i + N) % 2 == 0 ? x.a[(i + N) / 2] : x.b[(i + N) / 2];
  }
  store(head + 2 * pair, low);
  store(head + 2 * pair + N, high);
}

/// Turns by the angles of a position; `direction` -1 turns back (the transpose).
template <int N>
MM_DEVICE void turn(Pairs<N>& x, const float* cosine, const float* sine, float direction) {
  const Values<N> c = load<N>(cosine), s = load<N>(sine);
  MM_UNROLL
  for (int i = 0; i < N; ++i) {
    const float a = x.a[i], b = x.b[i], turned = direction * s[i];
    x.a[i] = a * c[i] - b * turned;
    x.b[i] = a * turned + b * c[i];
  }
}

template <int N, class T>
MM_KERNEL forward(JoinedHeads shape, int lanes, const T* qkv, const float* q_norm, const float* k_norm,
                  const float* cosine, const float* sine, T* q, T* k) {
  const KindOfHeads kind = kind_of_heads(shape, block_row());
  const int64_t item = block() * (kThreads / lanes) + thread() / lanes, pair = thread() % lanes * N;
  const bool inside = item < kind.items && pair < shape.c / 2;
  const Head head = head_of(shape, kind, item);
  const float* w = block_row() == kQueries ? q_norm : k_norm;
  Pairs<N> x;
  if (inside) x = load_pairs<N>(qkv + head.joined, pair, shape);
  if (w != nullptr) {
    Values<1> squares;
    MM_UNROLL
    for (int i = 0; i < N; ++i) squares[0] += x.a[i] * x.a[i] + x.b[i] * x.b[i];
    squares = reduce_lanes(Sum(), squares, lanes);
    if (inside) {
      const float scale = 1.0f / sqrtf(squares[0] / static_cast<float>(shape.c) + shape.eps);
      const Pairs<N> weight = load_pairs<N>(w, pair, shape);
      MM_UNROLL
      for (int i = 0; i < N; ++i) {
        x.a[i] *= scale * weight.a[i];
        x.b[i] *= scale * weight.b[i];
      }
    }
  }
  if (!inside) return;
  turn(x, cosine + head.angle + pair, sine + head.angle + pair, 1);
  store_pairs((block_row() == kQueries ? q : k) + item * shape.c, pair, shape, x);
}

/// The sum over the groups of a block that share heads: group 0 gets it.
template <int N>
MM_DEVICE Pairs<N> sum_groups(const Pairs<N>& x, int lanes) {
  MM_SHARED(float, of_threads, 2 * N * kThreads);
  MM_UNROLL
  for (int i = 0; i < N; ++i) {
    of_threads[2 * i * kThreads + thread()] = x.a[i];
    of_threads[(2 * i + 1) * kThreads + thread()] = x.b[i];
  }
  barrier();
  Pairs<N> sum;
  if (thread() >= lanes) return sum;
  for (int other = thread(); other < kThreads; other += lanes) {
    MM_UNROLL
    for (int i = 0; i < N; ++i) {
      sum.a[i] += of_threads[2 * i * kThreads + other];
      sum.b[i] += of_threads[(2 * i + 1) * kThreads + other];
    }
  }
  return sum;
}

// With n = x / rms and g the gradient of n w:  dx = (w g - n mean(n w g)) / rms,  dw = sum over rows and heads of n g.
template <int N, class T>
MM_KERNEL backward(JoinedHeads shape, int lanes, const T* dq, const T* dk, const T* dv, const T* qkv,
                   const float* q_norm, const float* k_norm, const float* cosine, const float* sine, T* dqkv,
                   float* norm_partial) {
  const KindOfHeads kind = kind_of_heads(shape, block_row());
  const int64_t groups = kThreads / lanes, pair = thread() % lanes * N;
  const T* dy = block_row() == kQueries ? dq : block_row() == kKeys ? dk : dv;
  const float* w = block_row() == kQueries ? q_norm : block_row() == kKeys ? k_norm : nullptr;
  Pairs<N> weight, dw;
  if (w != nullptr && pair < shape.c / 2) weight = load_pairs<N>(w, pair, shape);

  for (int64_t first = block() * groups; first < kind.items; first += blocks() * groups) {
    const int64_t item = first + thread() / lanes;
    const bool inside = item < kind.items && pair < shape.c / 2;
    const Head head = head_of(shape, kind, item);
    Pairs<N> g;
    if (inside) {
      g = load_pairs<N>(dy + item * shape.c, pair, shape);
      if (block_row() != kValues) turn(g, cosine + head.angle + pair, sine + head.angle + pair, -1);
    }
    if (w != nullptr) {
      Pairs<N> x;
      Values<2> sums;  // of squares, and of x w g
      if (inside) x = load_pairs<N>(qkv + head.joined, pair, shape);
      MM_UNROLL
      for (int i = 0; i < N; ++i) {
        sums[0] += x.a[i] * x.a[i] + x.b[i] * x.b[i];
        sums[1] += x.a[i] * weight.a[i] * g.a[i] + x.b[i] * weight.b[i] * g.b[i];
      }
      sums = reduce_lanes(Sum(), sums, lanes);
      const float scale = 1.0f / sqrtf(sums[0] / static_cast<float>(shape.c) + shape.eps);
      const float shift = sums[1] * scale * scale / static_cast<float>(shape.c);
      MM_UNROLL
      for (int i = 0; i < N; ++i) {
        dw.a[i] += x.a[i] * scale * g.a[i];
        dw.b[i] += x.b[i] * scale * g.b[i];
        g.a[i] = (weight.a[i] * g.a[i] - x.a[i] * shift) * scale;
        g.b[i] = (weight.b[i] * g.b[i] - x.b[i] * shift) * scale;
      }
    }
    if (inside) store_pairs(dqkv + head.joined, pair, shape, g);
  }

  if (w == nullptr) return;
  dw = sum_groups(dw, lanes);
  if (thread() < lanes && pair < shape.c / 2) {
    store_pairs(norm_partial + (block_row() * blocks() + block()) * shape.c, pair, shape, dw);
  }
}

/// Calls `body` with the Width of pairs that a lane has, and the lanes of a head.
template <class Body>
void with_pairs(int64_t c, const Body& body) {
  const int64_t pairs = c / 2;
  const auto lanes = [&](int n) {
    int count = 1;
    while (count * n < pairs) count *= 2;
    return count;
  };
  if (pairs % 8 == 0) return body(Width<8>(), lanes(8));
  if (pairs % 4 == 0) return body(Width<4>(), lanes(4));
  body(Width<1>(), lanes(1));
}

}  // namespace

void rotary_forward(ElementType type, const JoinedHeads& shape, const void* qkv, const float* q_norm,
                    const float* k_norm, const float* cosine, const float* sine, void* q, void* k, Stream stream) {
  with_type(type, [&]<class T>(T) {
    with_pairs(shape.c, [&]<int N>(Width<N>, int lanes) {
      const int64_t groups = kThreads / lanes;
      const int64_t most_heads = shape.heads;  // a block of the keys that has none ends at once
      launch(forward<N, T>, {(shape.rows * most_heads + groups - 1) / groups, kThreads, 2}, stream, shape, lanes,
             static_cast<const T*>(qkv), q_norm, k_norm, cosine, sine, static_cast<T*>(q), static_cast<T*>(k));
    });
  });
}

void rotary_backward(ElementType type, const JoinedHeads& shape, const void* dq, const void* dk, const void* dv,
                     const void* qkv, const float* q_norm, const float* k_norm, const float* cosine, const float* sine,
                     void* dqkv, float* norm_partial, Stream stream) {
  with_type(type, [&]<class T>(T) {
    with_pairs(shape.c, [&]<int N>(Width<N>, int lanes) {
      launch(backward<N, T>, {partial_sums(shape.rows), kThreads, 3}, stream, shape, lanes, static_cast<const T*>(dq),
             static_cast<const T*>(dk), static_cast<const T*>(dv), static_cast<const T*>(qkv), q_norm, k_norm, cosine,
             sine, static_cast<T*>(dqkv), norm_partial);
    });
  });
}

}  // namespace mm::cuda
