// Plain sums over tables of counts.
#include "metrics/domains/domain_statistics.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/random.h"

namespace mm {
namespace {

constexpr uint64_t kShuffleSeed = 0;

int64_t sum_of(std::span<const int64_t> counts) {
  return std::accumulate(counts.begin(), counts.end(), int64_t{0});
}

std::vector<int64_t> column_sums(const CountTable& table) {
  std::vector<int64_t> sums(table.columns);
  for (size_t i = 0; i < table.counts.size(); ++i) sums[i % table.columns] += table.counts[i];
  return sums;
}

struct Scored {
  double score;
  RowLift row;
};

/// The rows with the highest scores first; equal ones in the order of the table.
std::vector<RowLift> best_of(std::vector<Scored> rows, size_t most) {
  std::stable_sort(rows.begin(), rows.end(), [](const Scored& a, const Scored& b) { return a.score > b.score; });
  rows.resize(std::min(rows.size(), most));
  std::vector<RowLift> best;
  for (const Scored& scored : rows) best.push_back(scored.row);
  return best;
}

}  // namespace

CountTable sum_by_label(const CountTable& table, std::span<const uint32_t> labels, size_t count) {
  CountTable sums{.columns = table.columns, .counts = std::vector<int64_t>(count * table.columns)};
  for (size_t row = 0; row < table.rows(); ++row) {
    int64_t* sum = sums.counts.data() + labels[row] * table.columns;
    for (const int64_t n : table.row(row)) *sum++ += n;
  }
  return sums;
}

double entropy(std::span<const int64_t> counts) {
  const auto all = static_cast<double>(sum_of(counts));
  double sum = 0;
  for (const int64_t n : counts) {
    if (n > 0) sum -= static_cast<double>(n) / all * std::log(static_cast<double>(n) / all);
  }
  return sum;
}

double mutual_information(const CountTable& table) {
  const std::vector<int64_t> of_column = column_sums(table);
  const auto all = static_cast<double>(sum_of(of_column));
  double information = 0;
  for (size_t r = 0; r < table.rows(); ++r) {
    const auto of_row = static_cast<double>(sum_of(table.row(r)));
    for (size_t c = 0; c < table.columns; ++c) {
      const auto n = static_cast<double>(table.row(r)[c]);
      if (n > 0) information += n / all * std::log(n * all / (of_row * static_cast<double>(of_column[c])));
    }
  }
  return std::max(information, 0.0);  // rounding can leave -1e-17
}

ShuffledInformation shuffled_information(const CountTable& documents, std::span<const uint32_t> labels, size_t count,
                                         int64_t shuffles) {
  ShuffledInformation shuffled;
  std::vector<uint32_t> dealt(labels.size());
  for (int64_t i = 0; i < shuffles; ++i) {
    const std::vector<uint32_t> order = random_permutation(static_cast<uint32_t>(labels.size()), kShuffleSeed,
                                                           "shuffled labels", static_cast<uint64_t>(i));
    for (size_t row = 0; row < dealt.size(); ++row) dealt[row] = labels[order[row]];
    const double information = mutual_information(sum_by_label(documents, dealt, count));
    shuffled.mean += information / static_cast<double>(shuffles);
    shuffled.max = std::max(shuffled.max, information);
  }
  return shuffled;
}

std::vector<std::vector<RowLift>> typical_rows(const CountTable& table, int64_t least_count, size_t most) {
  const std::vector<int64_t> of_column = column_sums(table);
  const auto all = static_cast<double>(sum_of(of_column));
  const auto m = static_cast<double>(least_count);
  std::vector<std::vector<Scored>> preferring(table.columns);
  for (size_t r = 0; r < table.rows(); ++r) {
    const int64_t count = sum_of(table.row(r));
    if (count < std::max<int64_t>(least_count, 1)) continue;
    const auto of_row = static_cast<double>(count);
    for (size_t c = 0; c < table.columns; ++c) {
      const auto n = static_cast<double>(table.row(r)[c]);
      const double share = static_cast<double>(of_column[c]) / all;
      if (n <= of_row * share) continue;
      preferring[c].push_back({.score = (n + m * share) / (of_row + m) / share,
                               .row = {.row = r, .count = count, .lift = n / of_row / share}});
    }
  }
  std::vector<std::vector<RowLift>> typical;
  for (std::vector<Scored>& rows : preferring) typical.push_back(best_of(std::move(rows), most));
  return typical;
}

}  // namespace mm
