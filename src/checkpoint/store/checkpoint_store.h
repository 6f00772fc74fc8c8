// The checkpoints of one run: each a folder that is whole or does not count.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/named_tensors.h"

namespace mm {

struct Checkpoint {
  NamedTensors model;
  NamedTensors optimizer;
  std::string state_json;  ///< step, schedule, random streams, data position: the trainer's, opaque here
  std::map<std::string, std::string> model_metadata = {};  ///< of model.safetensors, for its other readers
  std::string config_json = {};  ///< the settings that it was trained with; empty in older checkpoints
  bool healthy = true;           ///< whether the model was learning
  NamedTensors average = {};     ///< of the weights over the last steps, under the names of `model`; empty: none
};

struct LoadedCheckpoint {
  int64_t step = 0;
  std::string folder;
  Checkpoint checkpoint;
};

/// The steps of all checkpoints in `folder`, whole or not, ascending: whether a run has begun. Touches nothing, so that
/// it may be asked by who does not hold the run. Throws Error(kCheckpoint) as CheckpointStore does.
std::vector<int64_t> checkpoint_steps(const std::string& folder);

/// `<folder>/step_00000120/{model.safetensors, optimizer.safetensors, state.json, config.json, manifest.json}` and
/// `<folder>/best`, a link to one of them. Where the weights are averaged, there is average.safetensors as well.
///
/// A checkpoint is written to `step_00000120.tmp-<process>`; every file is synced, the manifest with their sizes and
/// XXH3 hashes comes last, then the folder gets its name. Whatever instant the machine stops at, each folder with a
/// final name is whole; one without a manifest is damaged.
class CheckpointStore {
 public:
  /// `keep` >= 1 newest checkpoints stay after a save, the best one, and the newest that is healthy. Opening removes
  /// what processes that are gone left half-written. A folder that does not exist yet is an empty store; what is there
  /// and cannot be read as a folder is not: throws Error(kCheckpoint), as a run must not begin anew because of that.
  CheckpointStore(std::string folder, int64_t keep);

  /// Writes the checkpoint of `step`, makes it the best one if `best`, then removes those that are too many. A whole
  /// checkpoint of that step stays as it is unless it is to be replaced; a damaged one is set aside. Throws
  /// Error(kStorage), and then the older checkpoints are as they were.
  void save(int64_t step, const Checkpoint& checkpoint, bool best, bool replace = false);

  /// The steps with a manifest, ascending; their files are not verified.
  std::vector<int64_t> steps() const;

  /// The step that `best` points at.
  std::optional<int64_t> best() const;

  /// `<folder>/step_00000120`
  std::string step_folder(int64_t step) const;

  /// Reads one checkpoint after verifying the size and hash of each file. Its tensors are maps of the files, for
  /// reading alone, and stay valid when the folder is removed. Throws Error(kCheckpoint).
  Checkpoint load(int64_t step) const;

  /// The newest checkpoint that is whole, with finite weights and moments; nothing when there is none at all. Damaged
  /// newer ones are renamed to `<name>.corrupt` with a warning that says why. When every one is damaged, nothing is
  /// renamed, so that no later call takes the run for a fresh one: throws Error(kCheckpoint) with each reason. One of a
  /// newer format, or that a failing disk or a missing permission hides, is left alone: throws NewerFormat, Unreadable.
  std::optional<LoadedCheckpoint> load_newest();

  /// The newest checkpoint of at most `step` that is whole, and healthy as well if only such count; nothing when there
  /// is none.
  std::optional<LoadedCheckpoint> load_up_to(int64_t step, bool only_healthy) const;
  /// Removes those of later steps than `step`.
  void remove_after(int64_t step) const;

  /// Makes `best` point at `step` if that is there.
  void restore_best(int64_t step) const;

 private:
  void remove_leftovers() const;
  void remove_surplus(int64_t newest) const;
  void remove(int64_t step) const;
  void point_best_at(int64_t step) const;
  void set_aside(int64_t step, const std::string& reason) const;

  std::string folder_;
  int64_t keep_;
};

}  // namespace mm
