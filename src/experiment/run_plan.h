// The runs of an experiment: which there are, what each is told, and how long it is.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "experiment/experiment_file.h"
#include "recipe/run_config.h"

namespace mm {

struct PlannedVariant {
  std::string name;
  RunConfig config;                    ///< of the first seed, with `steps`
  std::vector<std::string> overrides;  ///< over the base config, without name, seed and steps
  int64_t steps = 0;                   ///< 0: a budget of seconds, and the speed is not measured yet
  double flops_per_step = 0;           ///< model and optimizer
};

struct PlannedRun {
  size_t variant = 0;
  int64_t seed = 0;
  std::string name;   ///< `router/dense/seed_1`: its run.name
  std::string label;  ///< `dense/seed_1`

  std::string folder() const { return "output/" + name; }
};

struct RunPlan {
  ExperimentFile file;
  std::vector<PlannedVariant> variants;
  std::vector<PlannedRun> runs;  ///< seed after seed, so that what an interrupted experiment has is in pairs

  const PlannedVariant& variant_of(const PlannedRun& run) const { return variants[run.variant]; }
  /// What `pretrain --config <base>` is told with --set.
  std::vector<std::string> settings_of(const PlannedRun& run) const;
};

/// Resolves every variant. Steps are the budget over what a step costs; for a budget of seconds they are those that
/// save_steps() left.
///   overrides  `key=value` from the command line, over the file's settings and under those of the variants
///   notes      gets what is worth a warning, each once
/// Throws Error(kConfig) with the problems of all variants.
RunPlan plan_runs(const ExperimentFile& file, const std::vector<std::string>& overrides,
                  std::vector<std::string>& notes);

/// The longest run of a variant that fits a budget of seconds.
void set_steps_by_speed(const Budget& budget, double seconds_per_step, PlannedVariant& variant);

/// Keeps the steps of a budget of seconds for the next start: the length of a run, once decided, stays.
void save_steps(const RunPlan& plan);

/// Refuses runs that are there already and were made with other settings: their results would be mixed up with these.
/// Throws Error(kConfig) naming each setting. Variants whose steps are not known yet are left out.
void check_existing_runs(const RunPlan& plan);

}  // namespace mm
