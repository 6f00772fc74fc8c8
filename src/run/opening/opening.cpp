// In the order in which a user would want to hear of problems.
#include "run/opening/opening.h"

#include <filesystem>
#include <utility>
#include <vector>

#include "core/files/files.h"
#include "core/terminal/log.h"
#include "core/text.h"
#include "data/open_tokenizer.h"
#include "data/text/files/text_paths.h"
#include "data/text/json_line.h"
#include "eval/generation/chat_template.h"
#include "interchange/state_dict.h"
#include "model/parameters/init.h"
#include "recipe/configured_run.h"
#include "recipe/resume/rate_change.h"
#include "recipe/resume/resume_policy.h"
#include "recipe/run_length.h"

namespace mm {
namespace {

/// Older checkpoints do not have them: then they are those of the run's config.json.
std::string settings_of(const LoadedCheckpoint& loaded, const std::string& path) {
  if (!loaded.checkpoint.config_json.empty()) return loaded.checkpoint.config_json;
  if (path_kind(path, ExitCode::kConfig) == PathKind::kFile) return read_file(path, ExitCode::kConfig);
  throw Error(ExitCode::kConfig, got_want(path, "no such file", "the settings that this run began with",
                                          "restore it, or start another run with --set run.name=<name>"));
}

}  // namespace

bool is_file(const std::string& path) {
  return !path.empty() && path_kind(path, ExitCode::kData) == PathKind::kFile;
}

std::vector<Error> missing_inputs(const RunConfig& config, bool weights_open) {
  std::vector<Error> missing;
  const auto add = [&](const std::string& message) { missing.emplace_back(ExitCode::kData, message); };
  const auto check = [&](const std::string& key, const std::vector<LabelledPath>& files) {
    for (const LabelledPath& file : files) {
      try {
        if (path_kind(text_files({file}).front().path, ExitCode::kData) != PathKind::kMissing) continue;
      } catch (const Error& error) {
        add(key + ": " + error.what());
        continue;
      }
      add(got_want(key, file.path + ", which is not there", "a JSONL file with a \"text\" in each line",
                   kWhereTextComesFrom));
    }
  };
  if (config.data.train.empty()) add(got_want("data.train", "nothing", "at least one JSONL file"));
  check("data.train", config.data.train);
  check("data.validation", config.data.validation);
  const std::string& tokenizer = config.tokenizer.path;
  if (!config.tokenizer.train && path_kind(tokenizer, ExitCode::kData) == PathKind::kMissing) {
    add(got_want("tokenizer.path", tokenizer.empty() ? "nothing" : tokenizer + ", which is not there", "a tokenizer",
                 "put it there, or set tokenizer.train to true to train one from data.train"));
  }
  if (is_chat_key(config.data.text_key) && path_kind(tokenizer, ExitCode::kData) != PathKind::kMissing) {
    try {
      judge_joined_chats(tokenizer, config.data.text_key);
    } catch (const Error& error) {
      missing.push_back(error);
    }
  }
  // A run that has begun no longer needs the weights that it started from.
  const bool begun = !checkpoint_steps(config.folder() + "/checkpoints").empty();
  if (!weights_open && !config.init.from.empty() && !begun) {
    try {
      open_initial_weights(config.init);
    } catch (const Error& error) {
      missing.push_back(error);
    }
  }
  return missing;
}

void throw_missing(const std::vector<Error>& missing) {
  if (missing.empty()) return;
  std::vector<std::string> messages;
  for (const Error& error : missing) messages.emplace_back(error.what());
  throw Error(missing.front().code(), join(messages, "\n"));
}

std::string settings_of(const RunConfig& config, const LoadedCheckpoint& loaded) {
  return settings_of(loaded, config.folder() + "/config.json");
}

void keep_tokenizer(RunConfig& config, const std::string& before) {
  const auto is_there = [](const std::string& path) { return path_kind(path, ExitCode::kData) != PathKind::kMissing; };
  if (!config.tokenizer.train || config.tokenizer.path.empty() || is_there(config.tokenizer.path)) return;
  const std::string path = tokenizer_path_in(before);
  if (path.empty() || !is_there(path)) return;
  log_info("tokenizer " + path + ", which the run began with: " + config.tokenizer.path + " is not there");
  config.tokenizer.path = path;
}

void require_same_run(const RunConfig& config, const LoadedCheckpoint& loaded) {
  const std::string before = settings_of(loaded, config.folder() + "/config.json");
  for (const std::string& line :
       explain_changes(config.folder(), before, run_config_text(config), loaded.step, config.compat.enabled())) {
    log_info("changed   " + line);
  }
}

std::string reconcile_config(const RunConfig& config, const std::optional<LoadedCheckpoint>& loaded) {
  const std::string path = config.folder() + "/config.json", text = run_config_text(config);
  const std::string before = loaded ? settings_of(*loaded, path) : text;
  if (loaded) require_same_run(config, *loaded);
  write_file_atomic(path, text);
  return before;
}

std::optional<PthExport> pth_export(const RunConfig& config) {
  const std::string& choice = config.checkpoint.pth;
  const std::string generation = choice == "auto" ? fitting_generation(config.model) : choice == "off" ? "" : choice;
  if (generation.empty()) return {};
  return PthExport{config.folder() + "/" + generation_file_name(config.model),
                   find_generation(generation, "checkpoint.pth")};
}

void restore_derived_files(const RunConfig& config, const CheckpointStore& store, const LoadedCheckpoint& loaded) {
  if (const int64_t best = best_saved_step(loaded.checkpoint.state_json); best >= 0) store.restore_best(best);
  if (const std::optional<PthExport> pth = pth_export(config)) {
    write_pth(*pth, loaded.checkpoint.model, config.model);
  }
}

void restore_or_initialize(const RunConfig& config, const std::optional<LoadedCheckpoint>& loaded,
                           const std::optional<Weights>& weights, int64_t ranks, TrainState& state) {
  if (loaded) {
    state.restore(*loaded);
    log_info(format("resumed   from %s (verified), %s tokens seen", loaded->folder.c_str(),
                    with_commas(state.tokens_total).c_str()));
    const int64_t before = std::exchange(state.ranks, ranks);
    if (before != ranks) {
      log_info(format("ranks     %lld -> %lld (the same run from step %lld on but for rounding, no longer to the bit)",
                      static_cast<long long>(before), static_cast<long long>(ranks),
                      static_cast<long long>(state.step + 1)));
    }
    return;
  }
  state.ranks = ranks;
  if (config.init.from.empty()) {
    state.start_fresh(config);
    log_info("weights   from scratch");
  } else {
    require(weights.has_value(), "a run from weights has them open");
    state.start_from(*weights, config);
    log_info("weights   from " + weights->file.path + " (" + weights->description + ")");
  }
}

void settle_steps(RunConfig& config, TrainingText& train, const TrainState& state) {
  if (!config.train.epochs) return;
  // Text that is passed over belongs to the epochs that the run was planned for.
  const bool passes_over = config.spikes.policy == "roll_back";
  const int64_t position = passes_over ? state.step * config.sequences_per_step() : state.loader.position();
  resolve_epochs(config, train.totals().windows, state.step, position);
  if (const std::string line = explain_long_warmup(config); !line.empty()) log_warning(line);
}

void warn_of_rate_change(const std::string& before, const RunConfig& now, TrainingText& train, int64_t step) {
  if (step == 0) return;
  const std::string where = now.folder() + "/config.json";
  RunConfig old = run_config_of_text(before, where);
  Problems problems;
  resolve_length(old, where, problems);
  problems.throw_if_any();
  if (old.train.epochs) resolve_epochs(old, train.totals().windows, 0, 0);
  if (const std::string line = explain_rate_change(old, now, step); !line.empty()) log_warning(line);
}

void warn_of_diverged(const CheckpointStore& store, const LoadedCheckpoint& loaded) {
  if (loaded.checkpoint.healthy) return;
  log_warning(loaded.folder +
              " was saved when the model did not learn any more\n  remedy: to resume from an older one (" +
              store.step_folder(store.steps().front()) + " is the oldest that is kept), remove this folder");
}

void warn_of_missing_records(const RunConfig& config, int64_t last_step, int64_t step) {
  if (last_step >= step) return;
  log_warning(got_want(
      config.folder() + "/metrics.jsonl", format("records up to step %lld", static_cast<long long>(last_step)),
      format("them up to step %lld", static_cast<long long>(step)), "those between are lost; the training is not"));
}

std::unique_ptr<Tokenizer> open_run_tokenizer(const RunConfig& config) {
  std::unique_ptr<Tokenizer> tokenizer =
      open_tokenizer(config.tokenizer, config.data, config.tokenizer.vocab_size.value_or(config.model.vocab_size));
  if (tokenizer->vocab_size() > config.model.vocab_size) {
    throw Error(ExitCode::kData, got_want(config.tokenizer.path, with_commas(tokenizer->vocab_size()) + " tokens",
                                          "at most model.vocab_size " + with_commas(config.model.vocab_size)));
  }
  if (is_chat_key(config.data.text_key)) {
    const std::string remark = judge_joined_chats(config.tokenizer.path, config.data.text_key);
    if (!remark.empty()) log_info("chats     " + remark);
  }
  return tokenizer;
}

}  // namespace mm
