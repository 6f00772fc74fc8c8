// The ranks that train one run, as one of them sees it. In a world of one every call returns at once.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/error.h"
#include "distributed/distributed_config.h"
#include "distributed/placement.h"

namespace mm {

/// Elements [begin, end) of a flat buffer.
struct Shard {
  int64_t begin = 0, end = 0;
  int64_t size() const { return end - begin; }
};

/// All ranks call the same in the same order. Where another rank fails meanwhile, the process ends with that rank's
/// exit code. Sums are taken in the order of the ranks, whatever the network: the same world gives the same bytes.
class World {
 public:
  /// Of one process.
  World();
  /// Waits until all are there. Throws Error(kConfig) where the meeting point is not to be had, Error(kHang) when some
  /// rank does not come within the time limit.
  World(const Placement& place, const DistributedConfig& config);
  /// A world that was not left() falls apart for the others.
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  /// For whoever is not told of one.
  static const World& alone();

  int64_t rank() const { return place_.rank; }
  int64_t size() const { return place_.size; }
  const Placement& place() const { return place_; }
  bool is_first() const { return place_.rank == 0; }
  bool is_alone() const { return place_.is_alone(); }

  /// Texts of all ranks, in their order. For a few small ones: they go through the meeting point.
  std::vector<std::string> gather(const std::string& text) const;
  /// What rank 0 says. However long it takes, as long as it gets on.
  std::string from_first(const std::string& text) const;
  void barrier() const { gather(""); }

  /// Connects the ranks for what follows, which works on tensors of this device or of the CPU.
  void connect(at::Device device);

  /// The part of a buffer of so many elements that a rank is in charge of. Parts differ by one element at most.
  Shard shard(int64_t elements, int64_t rank) const;
  Shard shard(int64_t elements) const { return shard(elements, rank()); }
  /// The own part of `flat` becomes the sum over the ranks; the rest of it is as before.
  void reduce_scatter(const at::Tensor& flat) const;
  /// Every part of `flat` becomes what the rank has that is in charge of it.
  void all_gather(const at::Tensor& flat) const;
  /// `flat` becomes the sum over the ranks.
  void all_reduce(const at::Tensor& flat) const;
  /// `tensor` becomes what rank 0 has.
  void broadcast(const at::Tensor& tensor) const;
  /// Whether some rank says so.
  bool any(bool said) const;
  /// The value of rank 0.
  double from_first(double value) const;

  /// From now on a request to stop is for the trainer.
  void training_begins() const;
  /// Tells the others that this rank ends with an error. Returns whether rank 0 has told the user of it.
  bool report(ExitCode code, const std::string& message) const;
  /// Waits until all have come here, and leaves. Nothing else may follow.
  void leave();

 private:
  struct Links;
  using PartOf = std::function<at::Tensor(int64_t rank)>;

  void wait_for(const std::vector<std::string>& keys) const;
  void in_pieces(const at::Tensor& flat, const std::function<void(int64_t, const PartOf&)>& exchange) const;
  void guarded(const std::function<void()>& collective) const;

  Placement place_;
  std::unique_ptr<Links> links_;  ///< null in a world of one
};

}  // namespace mm
