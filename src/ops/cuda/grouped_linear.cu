// Products of rows with the weight of their expert, all experts in one launch: a block has a tile of one of them. Which
// tiles there are depends on how many rows each expert has, which only the device knows: as many blocks begin as there
// can be tiles, each finds its own in `ends`, and those that are too many end at once.
#include "core/error.h"
#include "ops/cuda/tile_product.h"

namespace mm::cuda {
namespace {

/// The rows of a tile, all of one expert.
struct RowTile {
  int expert, begin, rows;
};

MM_DEVICE int begin_of(int expert, const int32_t* ends) {
  return expert == 0 ? 0 : ends[expert - 1];
}

/// Tile number `tile` of those of expert 0, then of expert 1, and so on; one without rows if there are not so many. The
/// lanes of a warp look at 32 experts at a time.
MM_DEVICE RowTile find_tile(const int32_t* ends, int experts, int tile) {
  for (int first = 0; first < experts; first += kWarp) {
    const int expert = first + lane();
    const int begin = expert < experts ? begin_of(expert, ends) : 0, end = expert < experts ? ends[expert] : 0;
    const int tiles = (end - begin + kTile - 1) / kTile;
    int before = 0, sum = tiles;  // of the experts before within a group of lanes, and of all of the group
    for (int mask = 1; mask < kWarp; mask *= 2) {
      const int others = shuffle_xor(sum, mask);
      if ((lane() & mask) != 0) before += others;
      sum += others;
    }
    if (tile >= sum) {
      tile -= sum;
      continue;
    }
    const int own = tile - before, row = begin + own * kTile;
    const bool is_mine = own >= 0 && own < tiles;
    RowTile found = {is_mine ? expert : 0, is_mine ? row : 0, !is_mine ? 0 : end - row < kTile ? end - row : kTile};
    for (int mask = 1; mask < kWarp; mask *= 2) {
      found.expert += shuffle_xor(found.expert, mask);
      found.begin += shuffle_xor(found.begin, mask);
      found.rows += shuffle_xor(found.rows, mask);
    }
    return found;
  }
  return {};
}

/// How many of the 128 from `begin` on there are.
MM_DEVICE int tile_of(int begin, int size) {
  return size - begin < kTile ? size - begin : kTile;
}

/// out[r] = x[r] times the weight of r's expert: of [columns, terms] (kTermsInRow) or of [terms, columns].
template <bool kTermsInRow, class T>
MM_KERNEL rows_product(const T* x, const T* weight, const int32_t* ends, int experts, int terms, int columns,
                       int column_tiles, T* out) {
  MM_SHARED(TilePack<T>, shared, kTilePacks);
  const int tile = static_cast<int>(block()) / column_tiles;
  const int column = (static_cast<int>(block()) - tile * column_tiles) * kTile;
  const RowTile at = find_tile(ends, experts, tile);
  if (at.rows == 0) return;
  const int64_t first_row = at.begin, size = static_cast<int64_t>(terms) * columns;
  const Factor<T, true> a(x + first_row * terms, terms, at.rows, terms);
  const int64_t first = kTermsInRow ? static_cast<int64_t>(column) * terms : column;
  const Factor<T, kTermsInRow> b(weight + at.expert * size + first, kTermsInRow ? terms : columns,
                                 tile_of(column, columns), terms);
  TileSums sums;
  multiply(a, b, shared, sums);
  write_tile(sums, shared, out + first_row * columns + column, columns, at.rows, b.lines());
}

/// dw[e] = dy[rows of e]^T x[rows of e], or added to it where it is fp32.
template <class T, class Out>
MM_KERNEL weight_gradient(const T* dy, const T* x, const int32_t* ends, int in, int out, int in_tiles, int tiles,
                          Out* dw) {
  MM_SHARED(TilePack<T>, shared, kTilePacks);
  const int expert = static_cast<int>(block()) / tiles, tile = static_cast<int>(block()) - expert * tiles;
  const int tile_row = tile / in_tiles, row = tile_row * kTile, column = (tile - tile_row * in_tiles) * kTile;
  const int64_t begin = begin_of(expert, ends);
  const int rows = ends[expert] - static_cast<int>(begin);
  constexpr bool adds = std::is_same_v<Out, float>;
  if (adds && rows == 0) return;
  const Factor<T, false> a(dy + begin * out + row, out, tile_of(row, out), rows);
  const Factor<T, false> b(x + begin * in + column, in, tile_of(column, in), rows);
  TileSums sums;
  multiply(a, b, shared, sums);
  Out* const to = dw + (static_cast<int64_t>(expert) * out + row) * in + column;
  if constexpr (adds) {
    add_tile(sums, to, in, a.lines(), b.lines());
  } else {
    write_tile(sums, shared, to, in, a.lines(), b.lines());
  }
}

int64_t tiles(int64_t size) {
  return (size + kTile - 1) / kTile;
}

template <class Body>
void with_narrow_type(ElementType type, const Body& body) {
  if (type == ElementType::kHalf) return body(Half());
  require(type == ElementType::kBFloat16, "tensor cores multiply 16-bit numbers");
  body(BFloat16());
}

template <bool kTermsInRow>
void multiply_rows(ElementType type, const void* x, const void* weight, const ExpertRows& rows, int64_t terms,
                   int64_t columns, void* out, Stream stream) {
  // Each expert with rows has one tile more than it fills, at most.
  const int64_t row_tiles = rows.rows / kTile + (rows.rows < rows.experts ? rows.rows : rows.experts);
  with_narrow_type(type, [&]<class T>(T) {
    launch(rows_product<kTermsInRow, T>, {row_tiles * tiles(columns), kTileThreads}, stream, static_cast<const T*>(x),
           static_cast<const T*>(weight), rows.ends_e, static_cast<int>(rows.experts), static_cast<int>(terms),
           static_cast<int>(columns), static_cast<int>(tiles(columns)), static_cast<T*>(out));
  });
}

template <class T, class Out>
void launch_weight_gradient(const void* dy, const void* x, const ExpertRows& rows, int64_t in, int64_t out, Out* dw,
                            Stream stream) {
  const int64_t of_expert = tiles(out) * tiles(in);
  launch(weight_gradient<T, Out>, {rows.experts * of_expert, kTileThreads}, stream, static_cast<const T*>(dy),
         static_cast<const T*>(x), rows.ends_e, static_cast<int>(in), static_cast<int>(out),
         static_cast<int>(tiles(in)), static_cast<int>(of_expert), dw);
}

}  // namespace

void grouped_linear_forward(ElementType type, const void* x, const void* w, const ExpertRows& rows, int64_t in,
                            int64_t out, void* y, Stream stream) {
  multiply_rows<true>(type, x, w, rows, in, out, y, stream);
}

void grouped_linear_input_gradient(ElementType type, const void* dy, const void* w, const ExpertRows& rows, int64_t in,
                                   int64_t out, void* dx, Stream stream) {
  multiply_rows<false>(type, dy, w, rows, out, in, dx, stream);
}

void grouped_linear_weight_gradient(ElementType type, const void* dy, const void* x, const ExpertRows& rows, int64_t in,
                                    int64_t out, float* sum, void* dw, Stream stream) {
  with_narrow_type(type, [&]<class T>(T) {
    if (sum != nullptr) return launch_weight_gradient<T>(dy, x, rows, in, out, sum, stream);
    launch_weight_gradient<T>(dy, x, rows, in, out, static_cast<T*>(dw), stream);
  });
}

}  // namespace mm::cuda
