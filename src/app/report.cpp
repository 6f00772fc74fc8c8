// report: runs as one HTML page: curves, expert heat maps, alarms, samples, configs.
#include <string>
#include <vector>

#include "app/command_line.h"
#include "app/plain_guard.h"
#include "core/log.h"
#include "view/report/report_page.h"

namespace {

constexpr const char* kFooter = R"(
examples:
  report output/quickstart
  report output/quickstart output/lr3 --out comparison.html

The page needs no network and no other file. A run that is still training may be named.
Training itself writes output/<run>/report.html every metrics.report_every minutes.
The program dashboard shows the same pages in a browser, for all runs.)";

}  // namespace

int main(int argc, char** argv) {
  mm::CommandLine line("Shows one run, or several side by side, as one HTML page.", kFooter);
  std::vector<std::string> runs;
  std::string out;
  line.option("run RUN ...", runs, "Folders of runs").required();
  line.option("--out FILE", out, "Where the page goes; default: report.html in the folder of the first run");
  return mm::run_plain_program(line, argc, argv, [&] {
    if (out.empty()) out = runs.front() + "/report.html";
    mm::write_report(runs, out);
    mm::log_info("report    " + out);
    return mm::ExitCode::kFinished;
  });
}
