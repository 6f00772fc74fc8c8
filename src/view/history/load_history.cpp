// Columns are merged as the buckets of a series are.
#include "view/history/load_history.h"

#include <algorithm>

#include "metrics/load_statistics.h"

namespace mm {
namespace {

void merge(LoadColumn& into, const LoadColumn& other) {
  if (other.load.empty()) return;
  if (into.load.empty()) {
    into = other;
    return;
  }
  into.last_step = std::max(into.last_step, other.last_step);
  for (size_t i = 0; i < into.load.tokens.size(); ++i) into.load.tokens[i] += other.load.tokens[i];
}

}  // namespace

void LoadHistory::add(int64_t step, const ExpertLoad& load) {
  if (!last_.empty() &&
      (load.layers != last_.layers || load.first_layer != last_.first_layer || load.experts != last_.experts))
    return;
  last_ = load;
  add_column(step, load);
  double worst_layer = 0;
  for (const LayerLoadStatistics& layer : load_statistics(load).layers) {
    worst_layer = std::max(worst_layer, layer.max_over_mean);
  }
  max_over_mean.add(step, worst_layer);
}

void LoadHistory::add_column(int64_t step, const ExpertLoad& load) {
  constexpr int64_t kMostColumns = 400;
  const int64_t most_columns = std::clamp<int64_t>(most_cells_ / (load.layers * load.experts), 2, kMostColumns);
  while (step / steps_per_column_ >= most_columns) merge_pairs();
  const auto index = static_cast<size_t>(step / steps_per_column_);
  if (columns_.size() <= index) columns_.resize(index + 1);
  merge(columns_[index], {step, step, load});
}

void LoadHistory::merge_pairs() {
  for (size_t i = 0; i < columns_.size(); ++i) {
    if (i % 2 == 0) {
      if (i > 0) columns_[i / 2] = std::move(columns_[i]);
    } else {
      merge(columns_[i / 2], columns_[i]);
    }
  }
  columns_.resize((columns_.size() + 1) / 2);
  steps_per_column_ *= 2;
}

std::vector<LoadColumn> LoadHistory::columns() const {
  std::vector<LoadColumn> filled;
  std::copy_if(columns_.begin(), columns_.end(), std::back_inserter(filled),
               [](const LoadColumn& column) { return !column.load.empty(); });
  return filled;
}

}  // namespace mm
