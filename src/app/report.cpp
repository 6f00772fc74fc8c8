// report: runs as one HTML page: curves, expert heat maps, alarms, samples, configs; or a run on this terminal.
#include <unistd.h>

#include <csignal>
#include <string>
#include <vector>

#include "app/program/command_line.h"
#include "app/program/plain_guard.h"
#include "core/terminal/log.h"
#include "core/terminal/terminal.h"
#include "view/history/watch_run.h"
#include "view/report/report_page.h"

namespace {

constexpr const char* kFooter = R"(
examples:
  report output/quickstart
  report output/quickstart output/lr3 --out comparison.html
  report output/quickstart --watch

The page needs no network and no other file. A run that is still training may be named.
Training itself writes output/<run>/report.html every metrics.report_every minutes.
The program dashboard shows the same pages in a browser, for all runs.)";

/// The picture stays, and the shell's prompt comes below it.
void leave(int /*signal*/) {
  mm::leave_status();
  ::_exit(0);
}

mm::ExitCode watch_one(const std::vector<std::string>& runs) {
  if (runs.size() != 1) {
    throw mm::Error(mm::ExitCode::kConfig, mm::got_want("--watch", std::to_string(runs.size()) + " runs", "one"));
  }
  if (!mm::is_terminal()) {
    throw mm::Error(mm::ExitCode::kConfig, mm::got_want("--watch", "a standard output that is no terminal",
                                                        "a terminal", "leave it out: the page shows more"));
  }
  std::signal(SIGINT, leave);
  mm::watch_run(runs.front());
  return mm::ExitCode::kFinished;
}

}  // namespace

int main(int argc, char** argv) {
  mm::CommandLine line("Shows one run, or several side by side, as one HTML page.", kFooter);
  std::vector<std::string> runs;
  std::string out;
  bool watch = false;
  line.option("run RUN ...", runs, "Folders of runs").required();
  line.option("--out FILE", out, "Where the page goes; default: report.html in the folder of the first run");
  line.flag("--watch", watch, "Draw a run on this terminal, as pretrain --watch does, while it trains elsewhere")
      .excludes("--out");
  return mm::run_plain_program(line, argc, argv, [&] {
    if (watch) return watch_one(runs);
    if (out.empty()) out = runs.front() + "/report.html";
    mm::write_report(runs, out);
    mm::log_info("report    " + out);
    return mm::ExitCode::kFinished;
  });
}
