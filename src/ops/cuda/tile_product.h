// A tile of the product of two matrices of 16-bit numbers, computed by a block on tensor cores: 128 x 128 sums in fp32,
// a quarter in the registers of each of its four warps. The factors stream through shared memory, 32 terms of every sum
// at a time; while one such part is multiplied two more are on their way.
// What a matrix holds beyond its edges counts as 0, so that all sizes are right; those that lie along rows in memory
// are multiples of kWide, and rows begin at multiples of 16 bytes.
#pragma once

#include "ops/cuda/tensor_core.h"

namespace mm::cuda {

constexpr int kTile = 128;
constexpr int kQuarter = kTile / 2;
constexpr int kTileThreads = 4 * kWarp;
constexpr int kTerms = 32;  // in shared memory at a time
constexpr int kStages = 3;  // so often
constexpr int kPacksOfFactor = kTile * kTerms / kWide;
constexpr int kTilePacks = kStages * 2 * kPacksOfFactor;

/// What a block keeps in shared memory: kTilePacks of them, 48 KB.
template <class T>
using TilePack = Pack<kWide, T>;

/// Where the part of the tile begins that the warp has.
MM_DEVICE int quarter_row() {
  return thread() / kWarp / 2 * kQuarter;
}
MM_DEVICE int quarter_column() {
  return thread() / kWarp % 2 * kQuarter;
}

/// One factor: `lines`, up to 128, become rows or columns of the tile; `terms` are summed over. In memory neighbours of
/// a row are terms of a line (kTermsInRow), or lines of a term. It knows which part is to be copied next.
template <class T, bool kTermsInRow>
class Factor {
 public:
  MM_DEVICE Factor(const T* data, int64_t row_stride, int lines, int terms)
      : row_(thread() / kPacksOfRow),
        pack_(thread() % kPacksOfRow),
        lines_(lines),
        terms_(terms),
        stride_(kRowsAtATime * row_stride),
        from_(data + row_ * row_stride + pack_ * kWide) {}

  MM_DEVICE int lines() const { return lines_; }
  MM_DEVICE int terms() const { return terms_; }

  /// Begins to copy the next kTerms terms.
  MM_DEVICE void copy(TilePack<T>* to) {
    MM_UNROLL
    for (int i = 0; i < kPacksOfFactor / kTileThreads; ++i) {
      const int row = i * kRowsAtATime + row_;
      const int line = kTermsInRow ? row : pack_ * kWide, term = kTermsInRow ? pack_ * kWide : row;
      copy_16_async(to + place(row, pack_), from_ + i * stride_, line < lines_ && copied_ + term < terms_);
    }
    copied_ += kTerms;
    from_ += kTermsInRow ? kTerms : kTerms / kRowsAtATime * stride_;
  }

  /// Of the terms that copy() brought those from 16 * part on, of 16 lines from `line`, a multiple of 16, on: as the
  /// rows of multiply_add(), or twice as its columns, words 0 and 1 of the first eight.
  template <bool kAsRows>
  MM_DEVICE static Fragment fragment(const TilePack<T>* from, int line, int part) {
    // Which of 16 along the side that is one behind the other, and which eight along the other.
    const bool pairs_last = kTermsInRow == kAsRows;
    const int one = pairs_last ? lane() % 16 : lane() / 16 * 8 + lane() % 8;
    const int eight = pairs_last ? lane() / 16 : lane() / 8 % 2;
    if constexpr (kTermsInRow) {
      return load_matrices(from + line * kPacksOfRow + place(one, 2 * part + eight));
    } else {
      return load_matrices_transposed(from + place(16 * part + one, line / kWide + eight));
    }
  }

 private:
  static constexpr int kPacksOfRow = (kTermsInRow ? kTerms : kTile) / kWide;
  static constexpr int kRowsAtATime = kTileThreads / kPacksOfRow;

  /// Eight rows that are read at once, at the same place of each, lie in eight different groups of banks.
  MM_DEVICE static int place(int row, int pack) {
    return row * kPacksOfRow + (pack ^ (kTermsInRow ? row / 2 % 4 : row % 8));
  }

  int row_, pack_;  ///< the first that the thread copies
  int lines_, terms_;
  int64_t stride_;
  const T* from_;
  int copied_ = 0;
};

/// Of a lane: 16 x 8 by 16 x 8 as multiply_add() spreads them over the quarter.
struct TileSums {
  Values<4> of[kQuarter / 16][kQuarter / 8];
};

/// Adds the products of each line of `a` with each of `b`. All threads of the block call it; behind it `shared` is
/// free.
template <class T, bool kTermsInRowOfA, bool kTermsInRowOfB>
MM_DEVICE void multiply(Factor<T, kTermsInRowOfA> a, Factor<T, kTermsInRowOfB> b, TilePack<T>* shared, TileSums& sums) {
  const int steps = (a.terms() + kTerms - 1) / kTerms;
  const auto copy = [&](int step, int stage) {
    if (step < steps) {
      a.copy(shared + stage * 2 * kPacksOfFactor);
      b.copy(shared + (stage * 2 + 1) * kPacksOfFactor);
    }
    end_copies();
  };
  MM_UNROLL
  for (int step = 0; step < kStages - 1; ++step) copy(step, step);

  const bool has_work = quarter_row() < a.lines() && quarter_column() < b.lines();
  for (int step = 0, stage = 0; step < steps; ++step) {
    wait_for_copies<kStages - 2>();
    barrier();  // the copies of all have landed, and all have read the stage that is copied to next
    copy(step + kStages - 1, stage == 0 ? kStages - 1 : stage - 1);
    if (has_work) {
      const TilePack<T>* from_a = shared + stage * 2 * kPacksOfFactor;
      const TilePack<T>* from_b = from_a + kPacksOfFactor;
      MM_UNROLL
      for (int part = 0; part < kTerms / 16; ++part) {
        Fragment rows[kQuarter / 16], columns[kQuarter / 16];
        MM_UNROLL
        for (int i = 0; i < kQuarter / 16; ++i) {
          rows[i] = a.template fragment<true>(from_a, quarter_row() + 16 * i, part);
          columns[i] = b.template fragment<false>(from_b, quarter_column() + 16 * i, part);
        }
        MM_UNROLL
        for (int i = 0; i < kQuarter / 16; ++i) {
          MM_UNROLL
          for (int j = 0; j < kQuarter / 8; ++j) {
            const uint32_t* column = columns[j / 2].words + j % 2 * 2;
            multiply_add<T>(rows[i], column[0], column[1], sums.of[i][j]);
          }
        }
      }
    }
    stage = stage == kStages - 1 ? 0 : stage + 1;
  }
  barrier();
}

/// Writes the first `rows` x `columns` sums, rounded. Each warp gathers its quarter in shared memory, so that whole
/// rows of it leave.
template <class T>
MM_DEVICE void write_tile(const TileSums& sums, TilePack<T>* shared, T* to, int64_t row_stride, int rows, int columns) {
  constexpr int kPacks = kQuarter / kWide;  // of a row
  TilePack<T>* const quarter = shared + thread() / kWarp * kQuarter * kPacks;
  MM_UNROLL
  for (int i = 0; i < kQuarter / 8; ++i) {
    const int row = 8 * i + lane() / 4;
    MM_UNROLL
    for (int j = 0; j < kPacks; ++j) {
      Values<2> pair;
      pair[0] = sums.of[i / 2][j][2 * (i % 2)];
      pair[1] = sums.of[i / 2][j][2 * (i % 2) + 1];
      store(quarter[row * kPacks + (j ^ row % 8)].values + 2 * (lane() % 4), pair);
    }
  }
  warp_barrier();
  constexpr int kRows = kWarp / kPacks;  // at a time
  const int pack = lane() % kPacks, column = quarter_column() + pack * kWide;
  T* at = to + (quarter_row() + lane() / kPacks) * row_stride + column;
  MM_UNROLL
  for (int i = 0; i < kQuarter / kRows; ++i, at += kRows * row_stride) {
    const int row = i * kRows + lane() / kPacks;
    if (quarter_row() + row >= rows || column >= columns) continue;
    write_pack(reinterpret_cast<TilePack<T>*>(at), quarter[row * kPacks + (pack ^ row % 8)]);
  }
}

/// Adds the first `rows` x `columns` sums to what is there. A lane asks for the next eight pairs before it adds to
/// those that it has.
MM_DEVICE void add_tile(const TileSums& sums, float* to, int64_t row_stride, int rows, int columns) {
  if (quarter_row() >= rows || quarter_column() >= columns) return;
  constexpr int kRows = kQuarter / 8, kPairs = kQuarter / 8;  // of a lane
  const int first_row = quarter_row() + lane() / 4, first_column = quarter_column() + lane() % 4 * 2;
  float* const first = to + first_row * row_stride + first_column;
  const auto inside = [&](int i, int j) { return first_row + 8 * i < rows && first_column + 8 * j < columns; };
  const auto at = [&](int i, int j) { return first + 8 * i * row_stride + 8 * j; };
  Values<2> before[2][kPairs];
  const auto read = [&](int i) {
    MM_UNROLL
    for (int j = 0; j < kPairs; ++j) before[i % 2][j] = load_ahead(inside(i, j) ? at(i, j) : to);
  };
  read(0);
  MM_UNROLL
  for (int i = 0; i < kRows; ++i) {
    if (i + 1 < kRows) read(i + 1);
    MM_UNROLL
    for (int j = 0; j < kPairs; ++j) {
      Values<2> sum = before[i % 2][j];
      sum[0] += sums.of[i / 2][j][2 * (i % 2)];
      sum[1] += sums.of[i / 2][j][2 * (i % 2) + 1];
      if (inside(i, j)) store(at(i, j), sum);
    }
  }
}

}  // namespace mm::cuda
