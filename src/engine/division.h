// How the ranks of a world divide the state of one model among themselves: who has which experts, who updates what, and
// where the parts of all are together.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <vector>

#include "distributed/world.h"
#include "model/moe/expert_exchange.h"
#include "model/parameters/parameter_layout.h"
#include "optim/optimizer.h"
#include "recipe/run_config.h"

namespace mm {

/// Whether the ranks of a run divide the optimizer's moments, where they are several.
bool shards_optimizer(const RunConfig& config);

/// Elements [begin, begin + size) of the buffers of a rank are elements [whole, whole + size) of those of a process
/// that has the whole model.
struct Piece {
  int64_t rank = 0, begin = 0, size = 0, whole = 0;
};

/// A part of the buffers of this rank.
struct FlatPart {
  at::Tensor values;  ///< flat
  int64_t begin = 0;  ///< the element of the buffers that it begins with
};

/// In a world of one, one process has all.
class Division {
 public:
  /// `world` outlives this and is connected for the ranks that divide the experts.
  ///   shards_optimizer  each rank updates only its own part of what it has together with others (ZeRO-1, Rajbhandari
  ///                     et al. 2020, arXiv 1910.02054)
  Division(const ModelConfig& config, const World& world, bool shards_optimizer);
  ~Division();
  Division(const Division&) = delete;
  Division& operator=(const Division&) = delete;

  const World& world() const { return world_; }
  bool shards_optimizer() const { return shards_optimizer_; }
  bool divides_experts() const { return world_.count(Among::kExperts) > 1; }
  /// Whether ranks have parts of the state that others have not.
  bool is_divided() const { return shards_optimizer() || divides_experts(); }
  /// The experts of this rank.
  ExpertShare experts() const;
  /// Of a model with all experts.
  const ParameterLayout& whole_layout() const { return whole_layout_; }
  /// What the optimizer of this rank updates of its buffers; empty: all.
  std::vector<FlatRange> updated() const { return updated_by(world_.rank()); }

  /// Gradients of each rank's micro-batches become those of all, where this rank updates or needs them. Returns the L2
  /// norm of the whole, scalar fp32.
  at::Tensor sum_gradients(const at::Tensor& gradient) const;
  /// Behind an update of `master`: each rank gets what others have updated.
  void share_update(const at::Tensor& master) const;
  /// The L2 norm of gradients of one batch that all ranks have worked on, before any sum.
  at::Tensor norm_of_same_batch(const at::Tensor& gradient) const;
  /// [own experts, n] -> [experts, n]: what each rank says of its own.
  at::Tensor of_all_experts(const at::Tensor& own_en) const;

  /// Parameters in ranks that together have each once; and so the optimizer's moments.
  std::vector<Piece> parameter_pieces() const;
  std::vector<Piece> moment_pieces() const;
  /// `whole`, a flat buffer of rank 0 for a model with all experts, becomes what the ranks have in these pieces.
  void collect(const std::vector<Piece>& pieces, const std::vector<FlatPart>& own, const at::Tensor& whole) const;
  /// The other way.
  void deliver(const std::vector<Piece>& pieces, const std::vector<FlatPart>& own, const at::Tensor& whole) const;
  /// A buffer of this rank becomes, section by section, that of the first rank that has the section as well.
  ///   begin  where `flat` holds a part of such a buffer: its first element
  void copy_from_first(const at::Tensor& flat, int64_t begin = 0) const;

 private:
  class Exchange;
  /// A part of the buffers that is the same in several ranks, or becomes it: gradients of it are summed among those.
  struct Section {
    FlatRange range;
    Among among = Among::kAll;
  };

  at::Tensor norm_of(const std::vector<at::Tensor>& parts, Among among) const;
  std::vector<FlatRange> updated_by(int64_t rank) const;
  void add_pieces(int64_t rank, FlatRange range, std::vector<Piece>& pieces) const;

  ModelConfig config_;
  const World& world_;
  bool shards_optimizer_;
  std::unique_ptr<Exchange> exchange_;
  ParameterLayout layout_, whole_layout_;  ///< layout_ is that of every rank, but for which experts they are
  std::vector<Section> sections_;
};

}  // namespace mm
