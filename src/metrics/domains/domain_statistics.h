// Who does what, as numbers: how much the domain of a text says of the experts that its tokens go to, and which tokens
// an expert is typical of.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace mm {

/// How often each row (a document, a domain, a token) went to each column (an expert).
struct CountTable {
  size_t columns = 0;
  std::vector<int64_t> counts = {};  ///< row-major

  size_t rows() const { return columns == 0 ? 0 : counts.size() / columns; }
  std::span<const int64_t> row(size_t index) const { return std::span(counts).subspan(index * columns, columns); }
};

/// Row r of the result is the sum of those rows of `table` whose label is r.
///   labels  one for each row of the table, below `count`
CountTable sum_by_label(const CountTable& table, std::span<const uint32_t> labels, size_t count);

/// -sum_i p_i ln p_i with p_i = n_i / sum n, in nats; 0 when there is nothing.
double entropy(std::span<const int64_t> counts);

/// I(row; column) = sum_rc p_rc ln(p_rc / (p_r p_c)) in nats: 0 when they are independent, at most the lower of their
/// two entropies. Counted frequencies stand for probabilities, so chance alone lifts it above 0: compare it with
/// shuffled_information().
double mutual_information(const CountTable& table);

struct ShuffledInformation {
  double mean = 0;
  double max = 0;
};

/// The mutual information of label and column that chance gives: the labels of whole rows are dealt out anew, each as
/// often as before, by a fixed seed. Rows are to be documents: tokens of one text go to experts together, and shuffling
/// those one by one would make chance look smaller than it is.
///   labels  one for each row of the table, below `count`
ShuffledInformation shuffled_information(const CountTable& documents, std::span<const uint32_t> labels, size_t count,
                                         int64_t shuffles);

/// A row that prefers a column.
struct RowLift {
  size_t row = 0;
  int64_t count = 0;  ///< of the row, over all columns
  double lift = 0;    ///< p(column | row) / p(column)
};

/// For each column the rows that it is most typical of, at most `most` of them with a lift above 1, the highest score
/// first. With n_rc the counts, n_r and p_c their sums and shares:
///   lift   (n_rc / n_r) / p_c
///   score  ((n_rc + m p_c) / (n_r + m)) / p_c with m = `least_count`: the lift as if m fair counts came on top, so
///   that
///          a rare row needs more than luck
/// Rows with fewer than `least_count` counts are left out.
std::vector<std::vector<RowLift>> typical_rows(const CountTable& table, int64_t least_count, size_t most);

}  // namespace mm
