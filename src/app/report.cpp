// report: runs as one HTML page: curves, expert heat maps, alarms, samples, configs.
#include <CLI/CLI.hpp>

#include "app/guard.h"
#include "core/log.h"
#include "metrics/report/report_page.h"

namespace {

constexpr const char* kFooter = R"(
examples:
  report output/quickstart
  report output/quickstart output/lr3 --out comparison.html

The page needs no network and no other file. A run that is still training may be named.
Training itself writes output/<run>/report.html every metrics.report_every minutes.)";

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Shows one run, or several side by side, as one HTML page.");
  app.footer(kFooter);
  std::vector<std::string> runs;
  std::string out;
  app.add_option("run", runs, "Folders of runs")->option_text("RUN ...")->required();
  app.add_option("--out", out, "Where the page goes; default: report.html in the folder of the first run")
      ->option_text("FILE");
  return mm::run_program(app, argc, argv, [&] {
    if (out.empty()) out = runs.front() + "/report.html";
    mm::write_report(runs, out);
    mm::log_info("report    " + out);
    return mm::ExitCode::kFinished;
  });
}
