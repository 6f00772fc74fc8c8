// pretrain: trains the model that a JSON config describes, or says what that would take.
#include <CLI/CLI.hpp>

#include "app/guard.h"
#include "core/json_tree.h"
#include "core/log.h"
#include "core/terminal.h"
#include "core/text.h"
#include "train/bench.h"
#include "train/forecast.h"
#include "train/run.h"

namespace {

constexpr const char* kVersion = "minimind.cpp " MM_VERSION;

constexpr const char* kFooter = R"(
examples:
  pretrain --config configs/quickstart.json
  pretrain --config configs/moe_512.json --set run.name=lr3 --set optim.learning_rate=3e-4
  pretrain --config configs/minimind3_moe_768.json --check
  pretrain --config configs/seed_moe.json --init output/pretrain_moe/pretrain_512_moe.pth

The same command again resumes the run in output/<run.name>.
exit codes: 0 finished, 2 usage or config, 3 data or tokenizer, 4 checkpoint, 5 diverged, 6 memory, 7 storage,
            8 device, 75 stopped on request (the same command resumes), 130 second Ctrl-C, 1 a bug of ours)";

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Pretrains dense and mixture-of-experts language models from a JSON config.");
  app.footer(kFooter);
  std::string config_path, device, init;
  std::vector<std::string> overrides;
  bool check = false, describe = false, from_scratch = false, watch = false;
  int64_t bench_steps = 0;
  app.add_option("--config", config_path, "JSON config; configs/ has presets")->option_text("FILE");
  app.add_option("--set", overrides, "Change one setting; may be repeated")
      ->option_text("KEY=VALUE")
      ->take_all()
      ->expected(1)
      ->allow_extra_args(false);
  app.add_option("--device", device, "Short for --set run.device=...: auto, cpu, cuda or cuda:N")
      ->option_text("DEVICE");
  app.add_option("--init", init,
                 "Short for --set init.from=...: a MiniMind .pth, a .safetensors file, a Hugging Face folder or a run")
      ->option_text("PATH");
  app.add_flag("--from-scratch", from_scratch, "Short for --set init.from=\"\": random first weights")
      ->excludes("--init");
  app.add_flag("--check", check, "Check the config and print sizes, FLOPs, memory and disk; touch no data");
  app.add_flag("--describe", describe, "Print every setting with its type, range, default and meaning");
  app.add_option("--bench", bench_steps, "Time that many steps on made-up tokens (default 5) against the GEMM rate")
      ->option_text("[STEPS]")
      ->expected(0, 1)
      ->default_str("5");
  app.add_flag("--watch", watch, "Draw the load of every expert on the terminal while it trains, as a live heat map");
  app.set_version_flag("--version", kVersion);
  return mm::run_program(app, argc, argv, [&]() -> mm::ExitCode {
    if (describe) {
      mm::RunConfig defaults;
      mm::log_info(mm::describe_config([&](mm::Fields& fields) { defaults.visit(fields); }));
      return mm::ExitCode::kFinished;
    }
    if (config_path.empty() && overrides.empty()) {
      throw mm::Error(mm::ExitCode::kConfig, mm::got_want("pretrain", "no --config", "a JSON config",
                                                          "configs/quickstart.json is one; --help tells more"));
    }
    if (!device.empty()) overrides.push_back("run.device=" + device);
    if (!init.empty() || from_scratch) overrides.push_back("init.from=" + mm::quote_json(init));
    std::vector<std::string> notes;
    mm::ConfiguredRun run = mm::configure_run(config_path, overrides, notes);
    for (const std::string& note : notes) mm::log_warning(note);
    if (check) {
      if (run.weights) mm::log_info("weights     " + run.weights->file.path + " (" + run.weights->description + ")");
      mm::log_info(mm::forecast(run.config));
      return mm::ExitCode::kFinished;
    }
    if (bench_steps > 0) {
      mm::log_info(mm::bench(run.config, bench_steps));
      return mm::ExitCode::kFinished;
    }
    if (watch && !mm::is_terminal()) {
      mm::log_warning("--watch draws on a terminal, which standard output is not: training goes on without it");
      watch = false;
    }
    return mm::train_run(run.config, std::move(run.weights), watch);
  });
}
