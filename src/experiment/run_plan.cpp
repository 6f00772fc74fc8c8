// Variants are resolved as pretrain resolves its config, so that what is wrong is said before anything runs.
#include "experiment/run_plan.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string_view>

#include "core/error.h"
#include "core/files/files.h"
#include "core/text.h"
#include "model/parameters/count.h"
#include "model/parameters/parameter_layout.h"
#include "optim/optimizer_table.h"
#include "recipe/configured_run.h"

namespace mm {
namespace {

std::string steps_path(const ExperimentFile& file) {
  return file.folder() + "/steps.json";
}

/// Of a budget of seconds: those decided before, 0 for others.
int64_t saved_steps(const ExperimentFile& file, const std::string& variant) {
  const std::string path = steps_path(file);
  if (path_kind(path, ExitCode::kConfig) != PathKind::kFile) return 0;
  const auto json = nlohmann::json::parse(read_file(path, ExitCode::kConfig), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || json.value("seconds", 0.0) != file.budget.amount || !json["steps"].is_object()) return 0;
  return json["steps"].value(variant, int64_t{0});
}

double flops_per_step(const RunConfig& config) {
  return flops_per_token(config.model, config.data.sequence_length) * static_cast<double>(config.tokens_per_step()) +
         optimizer_cost(config.optim, parameter_layout(config.model)).flops;
}

int64_t steps_within(double budget, double of_a_step) {
  return std::max<int64_t>(1, static_cast<int64_t>(std::floor(budget / of_a_step * (1 + 1e-12))));
}

int64_t steps_of(const ExperimentFile& file, const PlannedVariant& variant) {
  switch (file.budget.kind) {
    case Budget::Kind::kTokens:
      return steps_within(file.budget.amount, static_cast<double>(variant.config.tokens_per_step()));
    case Budget::Kind::kFlops:
      return steps_within(file.budget.amount, variant.flops_per_step);
    case Budget::Kind::kSeconds:
      return saved_steps(file, variant.name);
  }
  return 0;
}

RunConfig resolve(const RunPlan& plan, const PlannedVariant& variant, std::vector<std::string>& notes) {
  std::vector<std::string> overrides = variant.overrides;
  overrides.push_back("run.name=" + plan.file.name + "/" + variant.name);
  // A schedule has to fit; what comes first, its length or the config, is decided in two rounds.
  overrides.push_back("train.steps=" + std::to_string(variant.steps > 0 ? variant.steps : 1'000'000'000));
  return configure_run(plan.file.base, overrides, notes).config;
}

void check_comparable(const RunConfig& config, const std::string& where, Problems& problems) {
  if (config.evaluation.every == 0) {
    problems.add(where + ": evaluation.every", "0", "a validation at the end of each run", "it is what is compared");
  }
  if (config.compat.enabled()) {
    problems.add(where + ": compat.trainer", config.compat.trainer, "none",
                 "the length of a replay is decided by its data, not by a budget");
  }
}

/// Says nothing of what a run computes.
bool is_about_the_place(std::string_view difference) {
  constexpr std::array<std::string_view, 13> kPrefixes = {
      "run.hang_seconds:", "run.device:", "run.threads:",     "run.deterministic:", "run.expert_products:",
      "run.name:",         "data.cache:", "sample.",          "metrics.",           "alarms.",
      "checkpoint.",       "tokenizer.",  "train.stop_after:"};
  return std::any_of(kPrefixes.begin(), kPrefixes.end(), [&](auto prefix) { return difference.starts_with(prefix); }) ||
         difference.find(": none -> ") != std::string_view::npos;  // began before there was such a setting
}

}  // namespace

std::vector<std::string> RunPlan::settings_of(const PlannedRun& run) const {
  std::vector<std::string> settings = variant_of(run).overrides;
  settings.push_back("run.name=" + run.name);
  settings.push_back("run.seed=" + std::to_string(run.seed));
  settings.push_back("train.steps=" + std::to_string(variant_of(run).steps));
  return settings;
}

RunPlan plan_runs(const ExperimentFile& file, const std::vector<std::string>& overrides,
                  std::vector<std::string>& notes) {
  RunPlan plan = {file, {}, {}};
  Problems problems;
  for (const Variant& variant : file.variants) {
    PlannedVariant planned;
    planned.name = variant.name;
    for (const KeyValue& setting : file.settings) planned.overrides.push_back(setting.key + "=" + setting.json);
    planned.overrides.insert(planned.overrides.end(), overrides.begin(), overrides.end());
    for (const KeyValue& setting : variant.settings) planned.overrides.push_back(setting.key + "=" + setting.json);
    const std::string where = "variant " + variant.name;
    try {
      std::vector<std::string> first_notes;
      planned.config = resolve(plan, planned, first_notes);
      planned.flops_per_step = flops_per_step(planned.config);
      planned.steps = steps_of(file, planned);
      std::vector<std::string> own_notes;
      if (planned.steps > 0) planned.config = resolve(plan, planned, own_notes);
      for (const std::string& note : planned.steps > 0 ? own_notes : first_notes) {
        const std::string line = where + ": " + note;
        if (std::find(notes.begin(), notes.end(), line) == notes.end()) notes.push_back(line);
      }
      check_comparable(planned.config, where, problems);
    } catch (const Error& error) {
      if (error.code() != ExitCode::kConfig) throw;
      problems.add(where + ":\n" + error.what());
    }
    plan.variants.push_back(std::move(planned));
  }
  problems.throw_if_any();
  for (const int64_t seed : file.seeds) {
    for (size_t i = 0; i < plan.variants.size(); ++i) {
      const std::string label = plan.variants[i].name + "/seed_" + std::to_string(seed);
      plan.runs.push_back({i, seed, file.name + "/" + label, label});
    }
  }
  return plan;
}

void set_steps_by_speed(const Budget& budget, double seconds_per_step, PlannedVariant& variant) {
  variant.steps = steps_within(budget.amount, seconds_per_step);
  variant.config.train.steps = variant.steps;
}

void save_steps(const RunPlan& plan) {
  nlohmann::ordered_json json = {{"seconds", plan.file.budget.amount}, {"steps", nlohmann::ordered_json::object()}};
  for (const PlannedVariant& variant : plan.variants) {
    if (variant.steps > 0) json["steps"][variant.name] = variant.steps;
  }
  write_file_atomic(steps_path(plan.file), json.dump(2) + "\n");
}

void check_existing_runs(const RunPlan& plan) {
  Problems problems;
  for (const PlannedRun& run : plan.runs) {
    const std::string path = run.folder() + "/config.json";
    if (plan.variant_of(run).steps == 0 || path_kind(path, ExitCode::kConfig) != PathKind::kFile) continue;
    RunConfig config = plan.variant_of(run).config;
    config.run.seed = run.seed;
    for (const std::string& difference : diff_config(read_file(path, ExitCode::kConfig), run_config_text(config))) {
      if (is_about_the_place(difference)) continue;
      const size_t colon = difference.find(": "), arrow = difference.find(" -> ");
      problems.add(path + ":" + difference.substr(0, colon), difference.substr(colon + 2, arrow - colon - 2),
                   difference.substr(arrow + 4) + " as the experiment says now",
                   "undo that, remove " + run.folder() + ", or name another experiment with --name");
    }
  }
  problems.throw_if_any();
}

}  // namespace mm
