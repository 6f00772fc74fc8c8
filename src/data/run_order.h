// Which window comes when in a run: group after group, each shuffled as a whole.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <vector>

#include "data/training_text.h"
#include "data/windows/sample_order.h"

namespace mm {

/// An epoch visits every group once, in an order that depends on the seed and the epoch; the first one begins with
/// group 0, whose text a run opens first. So it is known which text comes next before any of it was read, and it does
/// not depend on what is tokenized already. A text of one group has the order of SampleOrder.
class RunOrder {
 public:
  struct Sample {
    std::shared_ptr<const WindowSource> windows;
    int64_t window = 0;
  };
  /// The `number`-th visit of a group in the run, and the position of its first window.
  struct Visit {
    int64_t number = 0, begin = 0;
    bool operator==(const Visit&) const = default;
  };

  RunOrder(std::shared_ptr<TrainingText> text, uint64_t seed);

  /// What is at `position`, counted in sequences since step 0. Cheap within a visit. A later one is found by going over
  /// those between, whose text is read for that unless all of it was before; positions are best sought with a visit.
  /// Throws as TrainingText::group does.
  Sample at(int64_t position, std::stop_token stop = {});
  /// That of the position asked for last.
  const Visit& visit() const { return visit_; }
  /// Goes on from this visit. Throws Error(kCheckpoint) for one that cannot be.
  void seek(const Visit& visit);

 private:
  int64_t group_of(int64_t visit);
  void skip_epochs(int64_t position);
  void go_to(int64_t position, std::stop_token stop);
  void enter(std::stop_token stop);

  std::shared_ptr<TrainingText> text_;
  uint64_t seed_;
  Visit visit_;
  std::vector<int64_t> windows_;  ///< of each group; -1: not known yet
  int64_t epoch_ = -1;            ///< of `groups_`
  std::vector<uint32_t> groups_;
  int64_t entered_ = -1;  ///< the visit that these two are of
  std::shared_ptr<const WindowSource> group_;
  std::optional<SampleOrder> order_;
  std::vector<uint32_t> turns_;  ///< windows_of_epoch() of the visit
};

}  // namespace mm
