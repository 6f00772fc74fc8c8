// Expert loads over a whole run in a fixed number of columns.
#pragma once

#include <cstdint>
#include <vector>

#include "metrics/record.h"
#include "view/series.h"

namespace mm {

/// The tokens of some steps in a row, summed.
struct LoadColumn {
  int64_t first_step = 0, last_step = 0;
  ExpertLoad load;
};

class LoadHistory {
 public:
  /// Columns are as many as keep all their cells (layer x expert) within `most_cells`, at most 400.
  LoadHistory(int64_t most_cells, int64_t most_buckets) : max_over_mean(most_buckets), most_cells_(most_cells) {}

  /// A load of another shape than the first one is left out. `step` is from 0.
  void add(int64_t step, const ExpertLoad& load);

  /// Those with tokens, in the order of the steps.
  std::vector<LoadColumn> columns() const;
  const ExpertLoad& last() const { return last_; }

  Series max_over_mean;  ///< of the worst layer

 private:
  void add_column(int64_t step, const ExpertLoad& load);
  void merge_pairs();

  int64_t most_cells_;
  int64_t steps_per_column_ = 1;
  std::vector<LoadColumn> columns_;
  ExpertLoad last_;
};

}  // namespace mm
