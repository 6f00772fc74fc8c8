// One loop over the children: start, look, wait a little.
#include "experiment/runner.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string_view>
#include <thread>

#include "core/files/files.h"
#include "core/process/child_process.h"
#include "core/process/machine.h"
#include "core/process/run_lock.h"
#include "core/process/stop_signal.h"
#include "core/terminal/log.h"
#include "core/text.h"
#include "experiment/run_result.h"

namespace mm {
namespace {

using Clock = std::chrono::steady_clock;

/// One process to be: a run, or the measurement of a variant's speed.
struct Job {
  std::string label, folder, base;
  std::vector<std::string> settings;
  int64_t steps = 0;
  double flops = 0;  ///< of all steps
};

struct Active {
  Job job;
  ChildProcess child;
  Clock::time_point started;
  int64_t first_step;
};

std::string output_of(const Job& job) {
  return job.folder + "/console.log";
}

/// The last message of a child, without its prefix; its last line where there is none.
std::string last_words(const std::string& console) {
  constexpr std::string_view kPrefix = "error: ";
  constexpr size_t kMost = 600;
  std::string text = read_file(console, ExitCode::kData);
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  const size_t error = text.rfind(kPrefix);
  text = error != std::string::npos ? text.substr(error + kPrefix.size()) : text.substr(text.rfind('\n') + 1);
  return text.substr(0, kMost);
}

std::string describe_end(int code, const std::string& console) {
  if (code < 0) return format("ended by signal %d; ", -code) + last_words(console);
  return format("exit code %d: ", code) + last_words(console);
}

/// Whether another process has the run; one of an experiment that was killed may still be saving.
bool is_in_use(const std::string& folder) {
  try {
    const RunLock lock(folder);
    return false;
  } catch (const Error& error) {
    if (error.code() == ExitCode::kConfig) return true;
    throw;
  }
}

/// `run.threads` for a run: what it began with, else its share of the processors; empty to leave it to the config.
std::string threads_setting(const std::string& folder, int64_t configured, int64_t jobs) {
  const std::string path = folder + "/config.json";
  if (path_kind(path, ExitCode::kConfig) == PathKind::kFile) {
    const auto config = nlohmann::json::parse(read_file(path, ExitCode::kConfig), nullptr, /*allow_exceptions=*/false);
    if (config.is_object() && config.contains("run") && config["run"].is_object()) {
      return "run.threads=" + std::to_string(config["run"].value("threads", int64_t{0}));
    }
  }
  if (configured != 0 || jobs == 1) return "";
  return "run.threads=" + std::to_string(std::max<int64_t>(1, usable_processors() / jobs));
}

class Runner {
 public:
  Runner(const std::string& name, const RunnerOptions& options) : name_(name), options_(options) {}

  /// False after a request to stop.
  bool run(std::deque<Job> jobs) {
    left_ = std::move(jobs);
    total_ = left_.size();
    began_ = Clock::now();
    while (!left_.empty() || !active_.empty()) {
      if (stop_requested()) break;
      start_some();
      look_after();
      show();
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    show_status("");
    if (left_.empty() && active_.empty()) return true;
    for (const Active& active : active_) active.child.ask_to_stop();
    log_info(format("stopping  %zu runs save what they have", active_.size()));
    while (!active_.empty()) {
      look_after();
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return false;
  }

 private:
  void start_some() {
    while (std::ssize(active_) < options_.jobs && !left_.empty()) {
      Job& job = left_.front();
      std::error_code failed;
      std::filesystem::create_directories(job.folder, failed);
      if (failed) throw Error(ExitCode::kStorage, got_want(job.folder, failed.message(), "a folder to write to"));
      if (is_in_use(job.folder)) {
        if (!waiting_) log_info("waiting   for the process that still has " + job.folder);
        waiting_ = true;
        return;
      }
      waiting_ = false;
      remove_failure(job.folder);
      std::vector<std::string> arguments = {"--config", job.base};
      for (const std::string& setting : job.settings) arguments.insert(arguments.end(), {"--set", setting});
      const int64_t step = last_recorded_step(job.folder);
      log_info((step > 0 ? "resumed   " : "started   ") + job.label);
      ChildProcess child(options_.pretrain, arguments, output_of(job));
      active_.push_back({std::move(job), std::move(child), Clock::now(), step});
      left_.pop_front();
    }
  }

  void look_after() {
    for (auto active = active_.begin(); active != active_.end();) {
      const std::optional<int> code = active->child.ended();
      if (!code) {
        ++active;
        continue;
      }
      tell(*active, *code);
      flops_done_ += active->job.flops * share_of(*active);
      ++ended_;
      active = active_.erase(active);
    }
  }

  void tell(const Active& active, int code) const {
    const Job& job = active.job;
    const double seconds = std::chrono::duration<double>(Clock::now() - active.started).count();
    if (code == static_cast<int>(ExitCode::kFinished)) {
      const RunResult result = read_run_result(job.folder, job.steps);
      const std::string loss =
          result.finished() ? format("loss %.4f, %.4f bits/byte, ", result.end().loss, result.end().bits_per_byte) : "";
      log_info("finished  " + job.label + ": " + loss + clock_time(seconds));
    } else if (code == static_cast<int>(ExitCode::kStopped) || code == static_cast<int>(ExitCode::kSecondInterrupt)) {
      log_info(format("stopped   %s at step %lld", job.label.c_str(),
                      static_cast<long long>(last_recorded_step(job.folder))));
    } else {
      const std::string why = describe_end(code, output_of(job));
      write_failure(job.folder, code, why);
      log_warning(job.label + " failed: " + why + "\nthe other runs go on; --retry tries it once more");
    }
  }

  double share_of(const Active& active) const {
    const int64_t step = last_recorded_step(active.job.folder);
    return static_cast<double>(step - active.first_step) / static_cast<double>(std::max<int64_t>(active.job.steps, 1));
  }

  /// `router  3 of 12 done, about 0:24:10 left | dense/seed_2 120/240`
  void show() {
    const auto now = Clock::now();
    if (now - shown_ < std::chrono::seconds(1)) return;
    shown_ = now;
    double done = flops_done_, to_do = 0;
    std::string running;
    for (const Active& active : active_) {
      const double share = share_of(active), begun = static_cast<double>(active.first_step) /
                                                     static_cast<double>(std::max<int64_t>(active.job.steps, 1));
      done += active.job.flops * share;
      to_do += active.job.flops * std::max(1 - share - begun, 0.0);
      running += format(" | %s %lld/%lld", active.job.label.c_str(),
                        static_cast<long long>(last_recorded_step(active.job.folder)),
                        static_cast<long long>(active.job.steps));
    }
    for (const Job& job : left_) to_do += job.flops;
    const double elapsed = std::chrono::duration<double>(now - began_).count();
    const std::string left = done > 0 ? ", about " + clock_time(elapsed * to_do / done) + " left" : "";
    show_status(format("%s  %zu of %zu done%s%s", name_.c_str(), ended_, total_, left.c_str(), running.c_str()));
  }

  std::string name_;
  const RunnerOptions& options_;
  std::deque<Job> left_;
  std::vector<Active> active_;
  size_t total_ = 0, ended_ = 0;
  double flops_done_ = 0;
  bool waiting_ = false;
  Clock::time_point began_, shown_;
};

/// A dozen steps of a variant at its full size, without anything that is not a step.
Job speed_job(const RunPlan& plan, const PlannedVariant& variant, int64_t jobs) {
  constexpr int64_t kSteps = 12;
  Job job = {variant.name + "/speed",
             plan.file.folder() + "/" + variant.name + "/speed",
             plan.file.base,
             variant.overrides,
             kSteps,
             variant.flops_per_step * kSteps};
  job.settings.push_back("run.name=" + plan.file.name + "/" + job.label);
  for (const char* setting : {"train.steps=12", "evaluation.every=0", "sample.every=0", "schedule.warmup_steps=0",
                              "schedule.type=constant", "metrics.report_every=0"}) {
    job.settings.emplace_back(setting);
  }
  const std::string threads = threads_setting(job.folder, variant.config.run.threads, jobs);
  if (!threads.empty()) job.settings.push_back(threads);
  return job;
}

/// Decides the length of runs whose budget is a time. False after a request to stop.
bool measure_speeds(RunPlan& plan, const RunnerOptions& options) {
  std::deque<Job> missing;
  for (const PlannedVariant& variant : plan.variants) {
    if (variant.steps == 0) missing.push_back(speed_job(plan, variant, options.jobs));
  }
  if (missing.empty()) return true;
  log_info(format("speed     %zu variants: a dozen steps of each decide how many fit %s", missing.size(),
                  describe(plan.file.budget).c_str()));
  if (!Runner(plan.file.name, options).run(missing)) return false;
  for (PlannedVariant& variant : plan.variants) {
    if (variant.steps > 0) continue;
    const std::string folder = plan.file.folder() + "/" + variant.name + "/speed";
    const double seconds = read_run_result(folder, 0).seconds_per_step;
    if (seconds > 0) set_steps_by_speed(plan.file.budget, seconds, variant);
    if (seconds > 0)
      log_info(format("speed     %s: %s a step, so %s steps", variant.name.c_str(), short_seconds(seconds).c_str(),
                      with_commas(variant.steps).c_str()));
  }
  save_steps(plan);
  return true;
}

}  // namespace

ExitCode run_all(RunPlan& plan, const RunnerOptions& options) {
  if (!measure_speeds(plan, options)) return ExitCode::kStopped;
  check_existing_runs(plan);  // of variants whose steps are known by now
  std::deque<Job> jobs;
  for (const PlannedRun& run : plan.runs) {
    const PlannedVariant& variant = plan.variant_of(run);
    if (variant.steps == 0) {
      std::error_code ignored;
      std::filesystem::create_directories(run.folder(), ignored);
      write_failure(
          run.folder(), 0,
          "its speed could not be measured, see " + plan.file.folder() + "/" + variant.name + "/speed/console.log");
      continue;
    }
    const RunResult result = read_run_result(run.folder(), variant.steps);
    if (result.finished() || (result.state == RunResult::State::kFailed && !options.retry)) continue;
    Job job = {run.label,      run.folder(),
               plan.file.base, plan.settings_of(run),
               variant.steps,  variant.flops_per_step * static_cast<double>(variant.steps)};
    const std::string threads = threads_setting(job.folder, variant.config.run.threads, options.jobs);
    if (!threads.empty()) job.settings.push_back(threads);
    jobs.push_back(std::move(job));
  }
  if (jobs.empty()) return ExitCode::kFinished;
  return Runner(plan.file.name, options).run(std::move(jobs)) ? ExitCode::kFinished : ExitCode::kStopped;
}

}  // namespace mm
