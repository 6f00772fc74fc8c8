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

class ProcessGroup;

/// The ranks that a collective is among.
enum class Among {
  kAll,
  kExperts,   ///< neighbours, which divide the experts of every layer among themselves
  kReplicas,  ///< those that have the same experts
};

/// Parts of a flat buffer begin at multiples of so many elements.
inline constexpr int64_t kShardMultiple = 1024;

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
  ///   expert_ranks  how many divide the experts among themselves: a divisor of size()
  void connect(at::Device device, int64_t expert_ranks = 1);

  /// How many they are, and which of them this one is.
  int64_t count(Among among) const;
  int64_t index(Among among) const;

  /// The part of a buffer of so many elements that one of them is in charge of.
  Shard shard(int64_t elements, int64_t index, Among among = Among::kAll) const;
  Shard shard(int64_t elements, Among among = Among::kAll) const { return shard(elements, index(among), among); }
  /// The own part of `flat` becomes the sum over them; the rest of it is as before.
  void reduce_scatter(const at::Tensor& flat, Among among = Among::kAll) const;
  /// Every part of `flat` becomes what the one has that is in charge of it.
  void all_gather(const at::Tensor& flat, Among among = Among::kAll) const;
  /// `flat` becomes the sum over them.
  void all_reduce(const at::Tensor& flat, Among among = Among::kAll) const;
  /// `tensor` becomes what the first of them has.
  void broadcast(const at::Tensor& tensor, Among among = Among::kAll) const;
  /// Rows of `rows_rd` go to the others, the first sends[0] to the first of them and so on; the rows that come from the
  /// first stand first, receives[0] of them.
  at::Tensor exchange(const at::Tensor& rows_rd, const std::vector<int64_t>& sends,
                      const std::vector<int64_t>& receives, Among among) const;

  /// `to`, in rank 0, becomes what rank `from` has in `part`. Others pass neither. Contiguous, of one dtype, on any
  /// device: for what is written to files.
  void collect(const at::Tensor& part, int64_t from, const at::Tensor& to) const;
  /// The other way.
  void deliver(const at::Tensor& part, int64_t to_rank, const at::Tensor& to) const;
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

  ProcessGroup& group(Among among) const;
  void wait_for(const std::vector<std::string>& keys) const;
  void in_pieces(const at::Tensor& flat, Among among,
                 const std::function<void(int64_t, const PartOf&)>& exchange) const;
  void send(const at::Tensor& part, int64_t to, const at::Tensor& into, int64_t from) const;
  void guarded(const std::function<void()>& collective) const;

  Placement place_;
  int64_t expert_ranks_ = 1;
  std::unique_ptr<Links> links_;  ///< null in a world of one
};

}  // namespace mm
