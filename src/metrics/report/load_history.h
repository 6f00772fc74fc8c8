// Expert loads over a whole run in a fixed number of columns, and which experts were in trouble when.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "metrics/expert_alarms.h"
#include "metrics/record.h"
#include "metrics/report/series.h"

namespace mm {

/// The tokens of some steps in a row, summed.
struct LoadColumn {
  int64_t first_step = 0, last_step = 0;
  ExpertLoad load;
};

/// One expert in one kind of trouble.
struct ExpertTroubles {
  ExpertAlarm worst;
  int64_t first_step = 0, last_step = 0;
  int64_t steps = 0;  ///< in which it was
};

class LoadHistory {
 public:
  /// Columns are as many as keep all their cells (layer x expert) within `most_cells`, at most 400. `thresholds` say
  /// when an expert is in trouble.
  LoadHistory(int64_t most_cells, int64_t most_buckets, const LoadThresholds& thresholds = {})
      : max_over_mean(most_buckets),
        dead(most_buckets),
        dying(most_buckets),
        over_subscribed(most_buckets),
        most_cells_(most_cells),
        thresholds_(thresholds) {}

  /// A load of another shape than the first one is left out. `step` is from 0.
  void add(int64_t step, const ExpertLoad& load);

  /// Those with tokens, in the order of the steps.
  std::vector<LoadColumn> columns() const;
  /// Those that lasted longest first.
  std::vector<ExpertTroubles> troubles() const;
  const ExpertLoad& last() const { return last_; }

  Series max_over_mean;                 ///< of the worst layer
  Series dead, dying, over_subscribed;  ///< number of experts in that trouble (expert_alarms.h)

 private:
  void add_column(int64_t step, const ExpertLoad& load);
  void add_troubles(int64_t step, const ExpertLoad& load);
  void merge_pairs();

  int64_t most_cells_;
  LoadThresholds thresholds_;
  int64_t steps_per_column_ = 1;
  std::vector<LoadColumn> columns_;
  ExpertLoad last_;
  std::map<std::tuple<int64_t, int64_t, ExpertTrouble>, ExpertTroubles> troubles_;
};

}  // namespace mm
