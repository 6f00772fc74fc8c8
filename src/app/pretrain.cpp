// pretrain: trains the model that a JSON config describes, or says what that would take.
#include <limits>
#include <string>
#include <vector>

#include "app/program/command_line.h"
#include "app/program/guard.h"
#include "app/program/option_words.h"
#include "app/program/place.h"
#include "app/program/version.h"
#include "core/json/json_text.h"
#include "core/terminal/log.h"
#include "core/terminal/terminal.h"
#include "core/text.h"
#include "distributed/placement.h"
#include "run/replay_step.h"
#include "run/run.h"
#include "run/trial/bench.h"
#include "run/trial/check.h"

namespace {

constexpr const char* kFooter = R"(
examples:
  pretrain --config configs/quickstart.json
  pretrain --config configs/moe_512.json --set run.name=lr3 --set optim.learning_rate=3e-4
  pretrain --config configs/minimind3_moe_768.json --check --ranks 8
  pretrain --config configs/seed_moe.json --init output/pretrain_moe/pretrain_512_moe.pth

The same command again resumes the run in output/<run.name>.
exit codes: 0 finished, 2 usage or config, 3 data or tokenizer, 4 checkpoint, 5 diverged, 6 memory, 7 storage,
            8 device, 9 a disk or GPU that hangs, 75 stopped on request (the same command resumes),
            130 second Ctrl-C, 1 a bug of ours)";

}  // namespace

int main(int argc, char** argv) {
  mm::CommandLine line("Pretrains dense and mixture-of-experts language models from a JSON config.", kFooter);
  std::string config_path, device, init;
  std::vector<std::string> overrides;
  bool check = false, describe = false, from_scratch = false, watch = false;
  int64_t bench_steps = 0, replayed_step = 0, dashboard = -1, ranks = 1;
  line.option("--config FILE", config_path, "JSON config; configs/ has presets");
  line.option("--set KEY=VALUE", overrides, "Change one setting; may be repeated")
      .one_at_a_time()
      .words(mm::setting_words());
  line.option("--device DEVICE", device, "Short for --set run.device=...: auto, cpu, cuda or cuda:N")
      .words(mm::device_words());
  line.option("--init PATH", init,
              "Short for --set init.from=...: a MiniMind .pth, a .safetensors file, a Hugging Face folder or a run");
  line.flag("--from-scratch", from_scratch, "Short for --set init.from=\"\": random first weights").excludes("--init");
  line.flag("--check", check,
            "Find what is missing and print what the run takes: sizes, text, memory, time, disk; write nothing");
  line.option("--ranks N", ranks, "With --check: what each of so many processes that train it together takes")
      .range(1, 1 << 20);
  line.flag("--describe", describe, "Print every setting with its type, range, default and meaning");
  line.option("--bench [STEPS]", bench_steps,
              "Time that many steps on made-up tokens (default 5) against the GEMM rate")
      .or_alone("5");
  line.option("--replay-step N", replayed_step,
              "Take the run to that step again, from the checkpoint before it, and tell what went wrong in it")
      .range(1, std::numeric_limits<int>::max());
  line.flag("--watch", watch, "Draw the load of every expert on the terminal while it trains, as a live heat map");
  line.option("--dashboard [PORT]", dashboard,
              "Show all runs in a browser while it trains, at that port of this machine (default 8642; 0: a free one)")
      .or_alone("8642");
  return mm::run_program(line, argc, argv, [&]() -> mm::ExitCode {
    if (describe) {
      mm::log_info(mm::describe_run_config());
      return mm::ExitCode::kFinished;
    }
    if (config_path.empty() && overrides.empty()) {
      throw mm::Error(mm::ExitCode::kConfig, mm::got_want("pretrain", "no --config", "a JSON config",
                                                          "configs/quickstart.json is one; --help tells more"));
    }
    if (ranks > 1 && !check) {
      throw mm::Error(mm::ExitCode::kConfig, mm::got_want("--ranks", "no --check", "--check beside it",
                                                          "scripts/launch.sh --ranks starts several processes"));
    }
    if (!device.empty()) overrides.push_back("run.device=" + device);
    if (!init.empty() || from_scratch) overrides.push_back("init.from=" + mm::quote_json(init));
    std::vector<std::string> notes;
    mm::ConfiguredRun run = mm::configure_run(mm::shipped_file(config_path), overrides, notes);
    const mm::Placement place = mm::placement_of_this_process();
    if (!place.is_alone() && (check || replayed_step > 0)) {
      throw mm::Error(
          mm::ExitCode::kConfig,
          mm::got_want(check ? "--check" : "--replay-step", std::to_string(place.size) + " processes", "one",
                       check ? "--ranks tells what several take" : "it takes the step of all of them"));
    }
    // Of several processes that train one run, rank 0 speaks.
    if (place.rank > 0) mm::set_log_level(mm::LogLevel::kError);
    for (const std::string& note : notes) mm::log_warning(note);
    if (check) {
      mm::check_run(run.config, run.weights, ranks);
      return mm::ExitCode::kFinished;
    }
    if (bench_steps > 0) {
      return mm::bench_run(run.config, bench_steps);
    }
    if (replayed_step > 0) {
      mm::log_info(mm::replay_step(run.config, replayed_step));
      return mm::ExitCode::kFinished;
    }
    if (watch && !mm::is_terminal()) {
      mm::log_warning("--watch draws on a terminal, which standard output is not: training goes on without it");
      watch = false;
    }
    if (dashboard > 65535) {
      throw mm::Error(mm::ExitCode::kConfig,
                      mm::got_want("--dashboard", std::to_string(dashboard), "a port up to 65535"));
    }
    const mm::Caller caller{.watch = watch,
                            .dashboard = dashboard < 0 ? std::nullopt : std::optional(dashboard),
                            .version = mm::program_version(),
                            .programs = mm::program_folder(),
                            .program_prefix = mm::program_prefix()};
    return mm::train_run(run.config, std::move(run.weights), caller);
  });
}
