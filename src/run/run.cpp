// Opens what a run needs, in the order in which a user would want to hear of problems: config, files, device, weights.
#include "run/run.h"

#include <c10/util/Exception.h>

#include <filesystem>
#include <memory>
#include <new>
#include <utility>

#include "core/alive.h"
#include "core/files/leftovers.h"
#include "core/process/machine.h"
#include "core/process/run_lock.h"
#include "core/process/stop_signal.h"
#include "core/terminal/log.h"
#include "core/text.h"
#include "core/watchdog/watchdog.h"
#include "distributed/world.h"
#include "interchange/export/exports.h"
#include "metrics/jsonl_sink.h"
#include "metrics/micro_step_sink.h"
#include "ops/cpu/caching_allocator.h"
#include "recipe/forecast.h"
#include "recipe/resume/resume_policy.h"
#include "run/dashboard_process.h"
#include "run/next_steps.h"
#include "run/opening/data_file.h"
#include "run/opening/opening.h"
#include "run/opening/run_data.h"
#include "run/ranks.h"
#include "run/run_log.h"
#include "train/replay/replay_steps.h"
#include "train/trainer.h"
#include "view/console_sink.h"
#include "view/report/report_sink.h"
#include "view/tensorboard/tensorboard_sink.h"

namespace mm {
namespace {

void tell_next_steps(const RunConfig& config, const Caller& caller) {
  for (const std::string& line : next_steps(config, caller.program_prefix)) log_info(line);
}

ExitCode finished_already(const RunConfig& config, int64_t step, const char* key, const Caller& caller) {
  log_info(format("finished  at step %lld already; raise %s to go on", static_cast<long long>(step), key));
  tell_next_steps(config, caller);
  return ExitCode::kFinished;
}

/// An error is told when all is closed; the log, and the page that is made of it, say before that how the run ended.
///   followed  the text of follow_data(); null: there was none to follow
ExitCode run_to_its_end(Trainer& trainer, const TrainState& state, TrainingText* followed) {
  try {
    const ExitCode code = trainer.run();
    if (followed && code == ExitCode::kFinished) finish_data(*followed);
    return code;
  } catch (...) {
    show_status("");
    log_info(format("failed    at step %lld", static_cast<long long>(state.step)));
    throw;
  }
}

void make_folder(const std::string& folder) {
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (failed) throw Error(ExitCode::kStorage, got_want(folder, failed.message(), "a folder to write to"));
}

std::vector<std::unique_ptr<MetricSink>> open_sinks(const RunConfig& config, const Caller& caller,
                                                    const TrainState& state, const std::optional<Replay>& replay,
                                                    bool resumed) {
  std::vector<std::unique_ptr<MetricSink>> sinks;
  auto jsonl = std::make_unique<JsonlSink>(config.folder(), state.step, undone_records(state));
  if (resumed) warn_of_missing_records(config, jsonl->last_step(), state.step);
  sinks.push_back(std::move(jsonl));
  if (replay) {
    sinks.push_back(std::make_unique<MicroStepSink>(config.folder(), replay->plan().last_number(state.step)));
  }
  if (config.metrics.tensorboard) {
    sinks.push_back(
        std::make_unique<TensorboardSink>(config.metrics, config.folder(), state.step, run_config_text(config)));
  }
  if (config.metrics.report_every > 0) {
    sinks.push_back(std::make_unique<ReportSink>(config.metrics, config.folder()));
  }
  sinks.push_back(std::make_unique<ConsoleSink>(config.metrics, caller.watch));
  return sinks;
}

ExitCode open_and_train(World& world, RunConfig config, std::optional<Weights> weights, const Caller& caller) {
  require_shareable(config, world.size());
  require_same_config(world, config, caller.version);
  const bool is_first = world.is_first();
  throw_missing(missing_inputs(config, weights.has_value() || !is_first));
  const std::string checkpoints = config.folder() + "/checkpoints";
  // A run that has begun no longer needs them.
  if (is_first && !config.init.from.empty() && !weights && checkpoint_steps(checkpoints).empty()) {
    weights = open_initial_weights(config.init);
  }
  std::optional<RunLock> lock;
  std::optional<ChildProcess> dashboard;
  if (is_first) {
    make_folder(config.folder());
    lock.emplace(config.folder());
    open_log_file(config.folder() + "/train.log");
    log_info("run       " + config.folder());
    if (caller.dashboard) dashboard = start_dashboard(config.folder(), caller.programs, *caller.dashboard);
    remove_leftover_files(config.folder());
  }
  CheckpointStore store(checkpoints, config.checkpoint.keep);
  std::optional<LoadedCheckpoint> loaded;
  if (is_first) loaded = store.load_newest();
  // What rank 0 finds there holds for all.
  const std::string settings = world.from_first(loaded ? settings_of(config, *loaded) : "");
  const bool resumed = !settings.empty();
  if (resumed) {
    keep_tokenizer(config, settings);
    keep_older_ways(settings, config.data);
  }
  std::string before = settings;
  if (is_first) before = reconcile_config(config, loaded);
  bool done = false;
  if (loaded) {
    restore_derived_files(config, store, *loaded);
    warn_of_diverged(store, *loaded);
    done = !config.compat.enabled() && config.train.steps && loaded->step >= *config.train.steps &&
           !has_duties_left(loaded->checkpoint.state_json);
    if (done && config.metrics.report_every > 0) refresh_report(config.folder());
  }
  if (const std::string at = world.from_first(done ? std::to_string(loaded->step) : ""); !at.empty()) {
    return finished_already(config, std::stoll(at), "train.steps", caller);
  }

  log_info("exports   " + describe_exports(config.model));
  cpu::use_caching_allocator();
  DeviceSetup setup = set_up_device(config, world.place());
  give_back_cached_memory(setup.device);                   // of an attempt with a larger micro-batch
  const bool makes_files = world.place().local_rank == 0;  // that the other processes of the machine then find
  if (!makes_files) world.barrier();
  const std::unique_ptr<Tokenizer> tokenizer = open_run_tokenizer(config);
  const Watchdog watchdog(
      static_cast<double>(config.run.hang_seconds),
      config.folder() + (is_first ? "/hang.txt" : format("/hang_%lld.txt", static_cast<long long>(world.rank()))));
  still_in("the text");
  const TrainingData data = open_run_data(config, *tokenizer);
  if (makes_files) world.barrier();
  require_same_data(world, data, *tokenizer);
  still_in("the first step");
  log_model(config, setup, caller.version);
  if (const std::string ranks = describe_ranks(world); !ranks.empty()) log_info("ranks     " + ranks);

  world.connect(setup.device, config.distributed.expert_parallel);
  TrainState state(config, setup, data.train, world);
  if (data.validation) state.validation_fingerprint = data.validation->fingerprint();
  if (is_first) restore_or_initialize(config, loaded, weights, world.size(), state);
  loaded.reset();  // unmaps the files
  weights.reset();
  state.share();

  std::optional<Replay> replay;
  if (state.replay_start) replay.emplace(config, data.train->totals().windows, *state.replay_start);
  if (replay && state.step >= replay->plan().updates() && state.duties_done < 0) {
    return finished_already(config, state.step, "compat.epochs", caller);
  }
  if (replay) {
    log_replay(config, data.train->totals(), replay->plan());
    if (is_first) keep_data_file(config, data.train->totals(), /*in_groups=*/false);
  } else {
    settle_steps(config, *data.train, state);
    if (is_first) follow_data(config, *data.train, state.step, state.loader.position());
    if (resumed && state.step >= *config.train.steps && state.duties_done < 0) {
      return finished_already(config, state.step, "train.epochs", caller);
    }
    if (resumed) warn_of_rate_change(before, config, *data.train, state.step);
  }

  std::vector<std::unique_ptr<MetricSink>> sinks;
  if (is_first) sinks = open_sinks(config, caller, state, replay, resumed);
  // That of all ranks together.
  setup.gemm_rate = static_cast<double>(world.size()) * measure_gemm_rate(setup.device, setup.compute_type);
  give_back_cached_memory(setup.device);  // its matrices, of up to 256 MiB each
  if (is_first) warn_of_idle_settings(config, setup);
  if (is_first && setup.data_sheet_rate > 0) {
    const double promised = static_cast<double>(world.size()) * setup.data_sheet_rate;
    log_info(format("products  at %s, %.0f%% of the data sheet's %s: mfu is the share of the former",
                    short_count(setup.gemm_rate, "FLOP/s").c_str(), 100 * setup.gemm_rate / promised,
                    short_count(promised, "FLOP/s").c_str()));
  }
  defer_stop_signals();
  world.training_begins();
  const std::unique_ptr<StepSource> steps =
      replay ? std::unique_ptr<StepSource>(std::make_unique<ReplaySteps>(*replay, state.loader, state.model))
             : std::make_unique<ScheduledSteps>(config, state.loader);
  Trainer trainer({config, setup, *tokenizer, data.validation.get(), *steps, store, sinks, pth_export(config),
                   lock ? &*lock : nullptr, world},
                  state);
  const ExitCode code = run_to_its_end(trainer, state, is_first && !replay ? data.train.get() : nullptr);
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

/// Makes the micro-batch smaller where the config wants that, and says so; else false. Of several ranks, none does it
/// alone.
bool shrink(RunConfig& config, const World& world, const std::string& what) {
  const bool may = world.is_alone() && config.train.shrink_micro_batch && !config.compat.enabled();
  if (!may || !split_micro_batch(config.train)) return false;
  log_warning(what + format(": going on from the newest checkpoint with train.micro_batch=%lld and "
                            "train.accumulation=%lld (train.shrink_micro_batch)",
                            static_cast<long long>(config.train.micro_batch),
                            static_cast<long long>(config.train.accumulation)));
  return true;
}

ExitCode train_in(World& world, RunConfig config, std::optional<Weights> weights, const Caller& caller) {
  const std::optional<double> available = available_memory();
  while (true) {
    std::string what = "out of memory";
    bool of_gpu = false;
    try {
      return open_and_train(world, config, std::exchange(weights, std::nullopt), caller);
    } catch (const c10::OutOfMemoryError& error) {
      what = std::string("out of GPU memory: ") + error.what_without_backtrace();
      of_gpu = true;
    } catch (const std::bad_alloc&) {
    }
    // Here nothing of the attempt is left, the exception included. Weights to begin with are opened again.
    if (!shrink(config, world, what)) throw_memory(config, what, of_gpu ? std::nullopt : available);
  }
}

}  // namespace

ExitCode train_run(RunConfig config, std::optional<Weights> weights, const Caller& caller) {
  install_signal_handlers();
  const DistributedConfig distributed = config.distributed;
  return in_world(distributed,
                  [&](World& world) { return train_in(world, std::move(config), std::move(weights), caller); });
}

}  // namespace mm
