// Opens what a run needs, in the order in which a user would want to hear of problems: config, files, device, weights.
#include "run/run.h"

#include <c10/util/Exception.h>
#include <torch/version.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <new>

#include "core/files.h"
#include "core/leftovers.h"
#include "core/log.h"
#include "core/machine.h"
#include "core/run_lock.h"
#include "core/stop_signal.h"
#include "core/text.h"
#include "core/watchdog/watchdog.h"
#include "data/open_tokenizer.h"
#include "interchange/export/exports.h"
#include "interchange/state_dict.h"
#include "metrics/jsonl_sink.h"
#include "metrics/micro_step_sink.h"
#include "model/count.h"
#include "model/init.h"
#include "ops/cpu/caching_allocator.h"
#include "recipe/forecast.h"
#include "recipe/resume_policy.h"
#include "run/next_steps.h"
#include "run/run_data.h"
#include "train/replay/replay_steps.h"
#include "train/trainer.h"
#include "view/console_sink.h"
#include "view/report/report_sink.h"
#include "view/tensorboard/tensorboard_sink.h"

namespace mm {
namespace {

namespace fs = std::filesystem;

/// Every file that the config names and that is not there, in one error.
void check_files(const RunConfig& config) {
  std::vector<std::string> problems;
  const auto check = [&](const std::string& key, const std::vector<LabelledPath>& files) {
    for (const LabelledPath& file : files) {
      if (path_kind(file.path, ExitCode::kData) == PathKind::kFile) continue;
      problems.push_back(got_want(key, file.path + ", which is not there", "a JSONL file with a \"text\" in each line",
                                  "scripts/get_corpus.sh makes data/corpus/*.jsonl; or name a file of your own"));
    }
  };
  if (config.data.train.empty()) problems.push_back(got_want("data.train", "nothing", "at least one JSONL file"));
  check("data.train", config.data.train);
  check("data.validation", config.data.validation);
  if (!config.tokenizer.train && path_kind(config.tokenizer.path, ExitCode::kData) == PathKind::kMissing) {
    problems.push_back(got_want(
        "tokenizer.path", config.tokenizer.path.empty() ? "nothing" : config.tokenizer.path + ", which is not there",
        "a tokenizer", "put it there, or set tokenizer.train to true to train one from data.train"));
  }
  if (!problems.empty()) throw Error(ExitCode::kData, join(problems, "\n"));
}

void log_model(const RunConfig& config, const DeviceSetup& setup, const Caller& caller) {
  if (!caller.version.empty()) log_info("program   " + caller.version + ", LibTorch " TORCH_VERSION);
  const ParameterCount count = count_parameters(config.model);
  std::string model =
      format("model     %s, %s parameters", config.model.model_type.c_str(), with_commas(count.total).c_str());
  if (config.model.is_moe()) {
    model += format(", %s active; %lld experts, top-%lld", with_commas(count.active).c_str(),
                    static_cast<long long>(config.model.moe.num_experts),
                    static_cast<long long>(config.model.moe.num_experts_per_tok));
    if (config.model.moe.n_shared_experts > 0) {
      model += format(" + %lld shared", static_cast<long long>(config.model.moe.n_shared_experts));
    }
  }
  log_info(model);
  // A step waits for its slowest thread: worth a word before somebody wonders.
  constexpr double kWorthAWord = 0.5;
  const double busy = setup.device.is_cpu() ? busy_processors() : 0;
  log_info("device    " + setup.description +
           (busy < kWorthAWord ? ""
                               : format("; other programs keep %.1f of this machine's processors busy, which makes "
                                        "steps slower",
                                        busy)));
}

void log_packed_data(const RunConfig& config, const WindowSource& train) {
  const double epochs =
      static_cast<double>(config.train.steps * config.sequences_per_step()) / static_cast<double>(train.windows());
  log_info(format("data      %s tokens in %s documents, %s sequences of %lld; %lld steps are %.2f epochs",
                  with_commas(train.tokens()).c_str(), with_commas(train.documents()).c_str(),
                  with_commas(train.windows()).c_str(), static_cast<long long>(config.data.sequence_length),
                  static_cast<long long>(config.train.steps), epochs));
}

void log_replay(const RunConfig& config, const WindowSource& train, const ReplayPlan& plan) {
  log_info(
      format("data      %s tokens in %s rows of at most %lld; replaying the %s trainer: %lld epochs of %s "
             "micro-steps, %s updates",
             with_commas(train.tokens()).c_str(), with_commas(train.windows()).c_str(),
             static_cast<long long>(config.data.sequence_length), config.compat.trainer.c_str(),
             static_cast<long long>(config.compat.epochs), with_commas(plan.micro_batches_per_epoch()).c_str(),
             with_commas(plan.updates()).c_str()));
}

/// The state of the newest checkpoint, or a fresh one.
void restore_or_initialize(const RunConfig& config, const std::optional<LoadedCheckpoint>& loaded,
                           const std::optional<Weights>& weights, TrainState& state) {
  if (loaded) {
    state.restore(*loaded);
    log_info(format("resumed   from %s (verified), %s tokens seen", loaded->folder.c_str(),
                    with_commas(state.tokens_total).c_str()));
    return;
  }
  if (config.init.from.empty()) {
    initialize(state.parameters, config.model, static_cast<uint64_t>(config.run.seed));
    log_info("weights   from scratch");
  } else {
    require(weights.has_value(), "a run from weights has them open");
    state.start_from(*weights, config);
    log_info("weights   from " + weights->file.path + " (" + weights->description + ")");
  }
}

/// The settings that a checkpoint was trained with. Older ones do not have them: then those of the run's config.json.
std::string settings_of(const LoadedCheckpoint& loaded, const std::string& path) {
  if (!loaded.checkpoint.config_json.empty()) return loaded.checkpoint.config_json;
  if (path_kind(path, ExitCode::kConfig) == PathKind::kFile) return read_file(path, ExitCode::kConfig);
  throw Error(ExitCode::kConfig, got_want(path, "no such file", "the settings that this run began with",
                                          "restore it, or start another run with --set run.name=<name>"));
}

/// A run that has begun has its tokenizer. Where the config names another one that would have to be trained first, as
/// presets do that once named a .model, the run goes on with its own.
void keep_tokenizer(RunConfig& config, const LoadedCheckpoint& loaded) {
  const auto is_there = [](const std::string& path) { return path_kind(path, ExitCode::kData) != PathKind::kMissing; };
  if (!config.tokenizer.train || config.tokenizer.path.empty() || is_there(config.tokenizer.path)) return;
  const std::string path = tokenizer_path_in(settings_of(loaded, config.folder() + "/config.json"));
  if (path.empty() || !is_there(path)) return;
  log_info("tokenizer " + path + ", which the run began with: " + config.tokenizer.path + " is not there");
  config.tokenizer.path = path;
}

/// Keeps config.json at what the run is now; refuses what would make it another one.
void reconcile_config(const RunConfig& config, const std::optional<LoadedCheckpoint>& loaded) {
  const std::string path = config.folder() + "/config.json", text = run_config_text(config);
  if (loaded) {
    for (const std::string& line :
         explain_changes(config.folder(), settings_of(*loaded, path), text, loaded->step, config.compat.enabled())) {
      log_info("changed   " + line);
    }
  }
  write_file_atomic(path, text);
}

std::optional<PthExport> pth_export(const RunConfig& config) {
  const std::string& choice = config.checkpoint.pth;
  const std::string generation = choice == "auto" ? fitting_generation(config.model) : choice == "off" ? "" : choice;
  if (generation.empty()) return {};
  return PthExport{config.folder() + "/" + generation_file_name(config.model),
                   find_generation(generation, "checkpoint.pth")};
}

/// Makes true again what hangs on the newest checkpoint, whatever instant the run was interrupted at: the link to the
/// best one and the weights for MiniMind.
void restore_derived_files(const RunConfig& config, const CheckpointStore& store, const LoadedCheckpoint& loaded) {
  if (const int64_t best = best_saved_step(loaded.checkpoint.state_json); best >= 0) store.restore_best(best);
  if (const std::optional<PthExport> pth = pth_export(config)) {
    write_pth(*pth, loaded.checkpoint.model, config.model);
  }
}

void warn_of_diverged(const CheckpointStore& store, const LoadedCheckpoint& loaded) {
  if (loaded.checkpoint.healthy) return;
  log_warning(loaded.folder +
              " was saved when the model did not learn any more\n  remedy: to resume from an older one (" +
              store.step_folder(store.steps().front()) + " is the oldest that is kept), remove this folder");
}

/// Records are synced before the checkpoint that counts on them: what is missing was taken away.
void warn_of_missing_records(const RunConfig& config, int64_t last_step, int64_t step) {
  if (last_step >= step) return;
  log_warning(got_want(
      config.folder() + "/metrics.jsonl", format("records up to step %lld", static_cast<long long>(last_step)),
      format("them up to step %lld", static_cast<long long>(step)), "those between are lost; the training is not"));
}

void tell_next_steps(const RunConfig& config, const Caller& caller) {
  for (const std::string& line : next_steps(config, caller.programs)) log_info(line);
}

ExitCode finished_already(const RunConfig& config, int64_t step, const char* key, const Caller& caller) {
  log_info(format("finished  at step %lld already; raise %s to go on", static_cast<long long>(step), key));
  tell_next_steps(config, caller);
  return ExitCode::kFinished;
}

/// `2 alarms stood: loss exploded, layer 1 expert 2 dead`; empty where none does.
std::string standing_alarms(const TrainState& state) {
  constexpr size_t kMost = 4;
  std::vector<std::string> words;
  for (const AlarmSubject& subject : state.alarms.standing()) words.push_back(alarm_in_short(subject));
  if (words.empty()) return "";
  const std::string count = std::to_string(words.size()) + (words.size() == 1 ? " alarm stood: " : " alarms stood: ");
  // Those of the loss come last, and are what everybody wants to know first.
  std::rotate(
      words.begin(),
      std::find_if(words.begin(), words.end(), [](const std::string& word) { return word.starts_with("loss "); }),
      words.end());
  const bool more = words.size() > kMost;
  words.resize(std::min(words.size(), kMost));
  return count + join(words, ", ") + (more ? ", ..." : "");
}

/// An error is told when all is closed; the log, and the page that is made of it, say before that how the run ended.
ExitCode run_to_its_end(Trainer& trainer, const TrainState& state) {
  try {
    return trainer.run();
  } catch (...) {
    show_status("");
    log_info(format("failed    at step %lld", static_cast<long long>(state.step)));
    throw;
  }
}

ExitCode open_and_train(RunConfig config, std::optional<Weights> weights, const Caller& caller) {
  install_signal_handlers();
  check_files(config);
  const std::string checkpoints = config.folder() + "/checkpoints";
  // A run that has begun no longer needs them.
  if (!config.init.from.empty() && !weights && checkpoint_steps(checkpoints).empty()) {
    weights = open_initial_weights(config.init);
  }
  std::error_code failed;
  fs::create_directories(config.folder(), failed);
  if (failed) throw Error(ExitCode::kStorage, got_want(config.folder(), failed.message(), "a folder to write to"));
  const RunLock lock(config.folder());
  open_log_file(config.folder() + "/train.log");
  log_info("run       " + config.folder());

  remove_leftover_files(config.folder());
  CheckpointStore store(checkpoints, config.checkpoint.keep);
  std::optional<LoadedCheckpoint> loaded = store.load_newest();
  if (loaded) keep_tokenizer(config, *loaded);
  reconcile_config(config, loaded);
  if (loaded) {
    restore_derived_files(config, store, *loaded);
    warn_of_diverged(store, *loaded);
    const bool done = loaded->step >= config.train.steps && !has_duties_left(loaded->checkpoint.state_json);
    if (!config.compat.enabled() && done) {
      if (config.metrics.report_every > 0) refresh_report(config.folder());
      return finished_already(config, loaded->step, "train.steps", caller);
    }
  }

  log_info("exports   " + describe_exports(config.model));
  cpu::use_caching_allocator();
  DeviceSetup setup = set_up_device(config.run, config.train.precision);
  const std::unique_ptr<Tokenizer> tokenizer =
      open_tokenizer(config.tokenizer, config.data, config.tokenizer.vocab_size.value_or(config.model.vocab_size));
  if (tokenizer->vocab_size() > config.model.vocab_size) {
    throw Error(ExitCode::kData, got_want(config.tokenizer.path, with_commas(tokenizer->vocab_size()) + " tokens",
                                          "at most model.vocab_size " + with_commas(config.model.vocab_size)));
  }
  const RunData data = open_run_data(config, *tokenizer);
  log_model(config, setup, caller);

  TrainState state(config, setup, *data.train);
  if (data.validation) state.validation_fingerprint = data.validation->fingerprint();
  restore_or_initialize(config, loaded, weights, state);
  const bool resumed = loaded.has_value();
  loaded.reset();  // unmaps the files
  weights.reset();

  std::optional<Replay> replay;
  if (state.replay_start) replay.emplace(config, data.train->windows(), *state.replay_start);
  if (replay && state.step >= replay->plan().updates() && state.duties_done < 0) {
    return finished_already(config, state.step, "compat.epochs", caller);
  }
  if (replay) {
    log_replay(config, *data.train, replay->plan());
  } else {
    log_packed_data(config, *data.train);
  }

  std::vector<std::unique_ptr<MetricSink>> sinks;
  auto jsonl = std::make_unique<JsonlSink>(config.folder(), state.step, undone_records(state));
  if (resumed) warn_of_missing_records(config, jsonl->last_step(), state.step);
  sinks.push_back(std::move(jsonl));
  if (replay) {
    sinks.push_back(std::make_unique<MicroStepSink>(config.folder(), replay->plan().last_number(state.step)));
  }
  if (config.metrics.tensorboard) {
    sinks.push_back(std::make_unique<TensorboardSink>(config.metrics, config.folder(), state.step));
  }
  if (config.metrics.report_every > 0) {
    sinks.push_back(std::make_unique<ReportSink>(config.metrics, config.folder()));
  }
  sinks.push_back(std::make_unique<ConsoleSink>(config.metrics, caller.watch));
  setup.gemm_rate = measure_gemm_rate(setup.device, setup.compute_type);
  defer_stop_signals();
  const Watchdog watchdog(static_cast<double>(config.run.hang_seconds), config.folder() + "/hang.txt");
  const std::unique_ptr<StepSource> steps =
      replay ? std::unique_ptr<StepSource>(std::make_unique<ReplaySteps>(*replay, state.loader, state.model))
             : std::make_unique<ScheduledSteps>(config, state.loader);
  Trainer trainer({config, setup, *tokenizer, data.validation, *steps, store, sinks, pth_export(config), &lock}, state);
  const ExitCode code = run_to_its_end(trainer, state);
  show_status("");
  log_info(format(code == ExitCode::kFinished ? "finished  at step %lld, checkpoints in %s"
                                              : "stopped   at step %lld, saved in %s; the same command resumes",
                  static_cast<long long>(state.step), (config.folder() + "/checkpoints").c_str()));
  if (const std::string alarms = standing_alarms(state); !alarms.empty()) log_warning("it ended while " + alarms);
  tell_next_steps(config, caller);
  return code;
}

[[noreturn]] void throw_memory(const RunConfig& config, const std::string& what, std::optional<double> available) {
  const bool sixteen_bit = config.train.precision == "bf16" || config.train.precision == "fp16";
  const int64_t peak = peak_memory();
  throw Error(
      ExitCode::kMemory,
      what + (peak > 0 ? format(" (this process had up to %s)", short_bytes(static_cast<double>(peak)).c_str()) : "") +
          ": " + explain_memory(config, sixteen_bit, available));
}

}  // namespace

ExitCode train_run(const RunConfig& config, std::optional<Weights> weights, const Caller& caller) {
  const std::optional<double> available = available_memory();
  try {
    return open_and_train(config, std::move(weights), caller);
  } catch (const c10::OutOfMemoryError& error) {
    throw_memory(config, std::string("out of GPU memory: ") + error.what_without_backtrace(), {});
  } catch (const std::bad_alloc&) {
    throw_memory(config, "out of memory", available);
  }
}

}  // namespace mm
