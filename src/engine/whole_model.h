// What the ranks of a world divide among themselves, together in rank 0, for what is read from files and written to
// them.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "engine/trained_model.h"

namespace mm {

/// Where nothing is divided it is the model itself. Else it is a copy on the host of rank 0, and the other ranks have
/// it only to collect() and to deliver().
class WholeModel {
 public:
  /// `trained` outlives this.
  explicit WholeModel(TrainedModel& trained);

  /// In rank 0.
  Parameters& parameters();
  std::vector<OptimizerState> optimizer();

  /// It becomes what the ranks have, which all call this.
  void collect();
  /// Whether a tensor is a part of a moment that was brought together, and not of a model in training.
  bool has_copy_in(const at::Tensor& tensor) const;
  /// Each rank, which all call this, gets its part of it and what all have alike.
  void deliver();

 private:
  using Carry = std::function<void(const std::vector<Piece>&, const std::vector<FlatPart>&, const at::Tensor&)>;
  void for_each_divided(const Carry& carry);

  TrainedModel& trained_;
  // Where something is divided; buffers in rank 0 alone.
  std::unique_ptr<Parameters> parameters_;
  std::vector<OptimizerState> moments_;  ///< from the first element of a whole buffer on
};

}  // namespace mm
