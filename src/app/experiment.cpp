// experiment: is B better than A? Trains every variant with every seed, and says what the differences are worth.
#include <string>
#include <vector>

#include "app/program/command_line.h"
#include "app/program/guard.h"
#include "app/program/option_words.h"
#include "app/program/place.h"
#include "core/files/files.h"
#include "core/process/run_lock.h"
#include "core/process/stop_signal.h"
#include "core/terminal/log.h"
#include "engine/device/device.h"
#include "experiment/cost.h"
#include "experiment/result/comparison.h"
#include "experiment/result/page.h"
#include "experiment/result/table.h"
#include "experiment/runner.h"

namespace {

constexpr const char* kFooter = R"(
examples:
  experiment configs/experiments/router.json --check
  experiment configs/experiments/router.json
  experiment configs/experiments/router.json --table

The same command again does what is missing. Runs are output/<experiment>/<variant>/seed_<n>; the table is also written
to output/<experiment>/result.md, result.json and report.html. docs/experiments.md says how to read it, and what a file may hold.
exit codes: 0 every run finished or failed, 75 stopped on request (the same command goes on); else as pretrain's)";

std::vector<mm::VariantResults> results_of(const mm::RunPlan& plan) {
  std::vector<mm::VariantResults> results;
  for (size_t i = 0; i < plan.variants.size(); ++i) {
    mm::VariantResults& variant = results.emplace_back();
    variant.name = plan.variants[i].name;
    variant.settings = plan.file.variants[i].settings;
    variant.steps = plan.variants[i].steps;
    for (const mm::PlannedRun& run : plan.runs) {
      if (run.variant == i) variant.runs.push_back(mm::read_run_result(run.folder(), variant.steps));
    }
  }
  return results;
}

void show_and_write_table(const mm::RunPlan& plan) {
  const mm::ExperimentFile& file = plan.file;
  const std::vector<mm::VariantResults> results = results_of(plan);
  const std::vector<mm::ComparisonRow> rows = mm::compare(results, file.compare_to);
  mm::log_info(mm::terminal_table(file, rows));
  mm::write_file_atomic(file.folder() + "/result.md", mm::markdown_table(file, rows));
  mm::write_file_atomic(file.folder() + "/result.json", mm::json_table(file, results, rows));
  mm::write_file_atomic(file.folder() + "/report.html", mm::experiment_page(plan, results, rows));
  mm::log_info("result    " + file.folder() + "/result.md, result.json and report.html");
}

void show_cost(const mm::RunPlan& plan) {
  const mm::RunConfig& config = plan.variants.front().config;
  const mm::DeviceSetup setup = mm::set_up_device(config.run, config.train.precision);
  mm::log_info(mm::describe_cost(plan, mm::measure_gemm_rate(setup.device, setup.compute_type)));
}

}  // namespace

int main(int argc, char** argv) {
  mm::CommandLine line("Compares variants of a training run, over several seeds and with one budget.", kFooter);
  std::string path, name, device;
  std::vector<std::string> overrides;
  mm::RunnerOptions options;
  bool check = false, table = false;
  line.option("file", path, "What is compared; configs/experiments/ has some").required();
  line.option("--jobs N", options.jobs, "Runs at a time; they share the processors").range(1, 1024);
  line.flag("--check", check, "Check every variant and print what all of it costs; train nothing");
  line.flag("--table", table, "Print the table of what there is; train nothing").excludes("--check");
  line.flag("--retry", options.retry, "Try runs that failed once more");
  line.option("--set KEY=VALUE", overrides, "Change one setting of all variants; may be repeated")
      .one_at_a_time()
      .words(mm::setting_words());
  line.option("--device DEVICE", device, "Short for --set run.device=...: auto, cpu, cuda or cuda:N")
      .words(mm::device_words());
  line.option("--name NAME", name, "Folder of the experiment below output/; default: the name of the file");
  return mm::run_program(line, argc, argv, [&] {
    if (!device.empty()) overrides.push_back("run.device=" + device);
    std::vector<std::string> notes;
    mm::ExperimentFile file = mm::read_experiment(mm::shipped_file(path), name);
    file.base = mm::shipped_file(file.base);
    mm::RunPlan plan = mm::plan_runs(std::move(file), overrides, notes);
    for (const std::string& note : notes) mm::log_warning(note);
    mm::check_existing_runs(plan);
    if (check) {
      show_cost(plan);
      return mm::ExitCode::kFinished;
    }
    if (table) {
      show_and_write_table(plan);
      return mm::ExitCode::kFinished;
    }
    options.pretrain = mm::program_folder() + "/pretrain";
    mm::install_signal_handlers();
    const mm::RunLock lock(plan.file.folder());
    mm::defer_stop_signals();
    const mm::ExitCode code = mm::run_all(plan, options);
    show_and_write_table(plan);
    if (code == mm::ExitCode::kStopped) mm::log_info("stopped   the same command goes on");
    return code;
  });
}
