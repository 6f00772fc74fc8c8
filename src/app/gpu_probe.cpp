// gpu_probe: what a GPU does with this program. It links the libraries of `pretrain`, so that what it measures is what
// trains. Built with the CUDA kernels alone.
#include <ATen/Context.h>
#include <ATen/detail/CUDAHooksInterface.h>

#include <string>
#include <vector>

#include "app/gpu_probe/device_clock.h"
#include "app/gpu_probe/device_info.h"
#include "app/gpu_probe/host_waits.h"
#include "app/gpu_probe/op_table.h"
#include "app/gpu_probe/step_check.h"
#include "app/program/command_line.h"
#include "app/program/guard.h"
#include "core/terminal/log.h"
#include "run/run.h"

namespace {

constexpr const char* kFooter = R"(
tasks:
  info   the device, and which attention LibTorch chooses on it
  ops    every op of one layer at the shapes of the config: ms, floor, kernels, the same bytes twice or not
  step   loss and gradients of one micro-batch against those of the CPU
  run    what `pretrain` does; with --trace under the profiler
  waits  the same, with every place where LibTorch makes the host wait for the device

examples:
  gpu_probe ops --config configs/minimind3_moe_768.json
  gpu_probe waits --config configs/moe_512.json --set run.name=waits --set train.steps=6

Exit code 1: an op failed, or a step is too far from the CPU's.)";

struct ProbeOptions {
  std::string task, config, trace;
  std::string device = "cuda";
  std::vector<std::string> overrides;
  bool dry = false;
};

void add_options(mm::CommandLine& line, ProbeOptions& options) {
  line.option("task", options.task, "info, ops, step, run or waits").required();
  line.option("--config FILE", options.config, "JSON config; configs/ has presets").required();
  line.option("--set KEY=VALUE", options.overrides, "Change one setting; may be repeated").one_at_a_time();
  line.option("--device DEVICE", options.device, "cuda or cuda:N").shows_default();
  line.flag("--dry", options.dry, "On the CPU: shows that it runs, and measures nothing").excludes("--device");
  line.option("--trace FILE", options.trace, "Where the profile of a run goes");
}

mm::ConfiguredRun configure(ProbeOptions options) {
  if (!options.dry && (!at::hasCUDA() || at::detail::getCUDAHooks().deviceCount() == 0)) {
    throw mm::Error(mm::ExitCode::kDevice, mm::got_want("gpu_probe", "no GPU in sight", "a CUDA device",
                                                        "--dry shows on the CPU that it runs"));
  }
  options.overrides.push_back("run.device=" + (options.dry ? "cpu" : options.device));
  std::vector<std::string> notes;
  mm::ConfiguredRun run = mm::configure_run(options.config, options.overrides, notes);
  for (const std::string& note : notes) mm::log_warning(note);
  return run;
}

mm::ExitCode probe(const ProbeOptions& options) {
  mm::ConfiguredRun configured = configure(options);
  const mm::RunConfig& config = configured.config;

  const auto train = [&] { return mm::train_run(config, std::move(configured.weights), {}); };
  if (options.task == "waits") return mm::report_host_waits(train);
  if (options.task == "run") {
    if (options.trace.empty()) return train();
    mm::ExitCode code = mm::ExitCode::kInternal;
    mm::trace_device(options.trace, [&] { code = train(); });
    return code;
  }

  const mm::DeviceSetup setup = mm::set_up_device(config);
  bool good = true;
  if (options.task == "info") {
    mm::log_info(mm::device_info(config, setup));
  } else if (options.task == "ops") {
    good = mm::print_op_table(config, setup);
  } else if (options.task == "step") {
    good = mm::check_step(config, setup);
  } else {
    throw mm::Error(mm::ExitCode::kConfig,
                    mm::got_want("task", options.task, "info, ops, step, run or waits", "--help tells what they are"));
  }
  return good ? mm::ExitCode::kFinished : mm::ExitCode::kInternal;
}

}  // namespace

int main(int argc, char** argv) {
  mm::CommandLine line("Measures what a GPU does with this program.", kFooter);
  ProbeOptions options;
  add_options(line, options);
  return mm::run_program(line, argc, argv, [&] { return probe(options); });
}
