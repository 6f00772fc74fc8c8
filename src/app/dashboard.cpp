// dashboard: the pages of all runs in a browser, while they train.
#include <unistd.h>

#include <csignal>
#include <string>

#include "app/program/command_line.h"
#include "app/program/plain_guard.h"
#include "core/terminal/log.h"
#include "dashboard/server.h"
#include "dashboard/site.h"

namespace {

constexpr const char* kFooter = R"(
examples:
  dashboard
  dashboard output --port 9000
  dashboard output --host 0.0.0.0

Pages follow runs that are training. Nothing is ever written, and no file is shown but those that pages are made of.
From another machine: ssh -L 8642:localhost:8642 <this machine>, and then http://localhost:8642/ there.
exit codes: 0 ended by Ctrl-C, 2 no such folder, or a port that is taken)";

/// There is nothing to be saved, and connections that are kept open need not be waited for.
void leave(int /*signal*/) {
  ::_exit(0);
}

bool is_loopback(const std::string& host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

}  // namespace

int main(int argc, char** argv) {
  mm::CommandLine line("Shows all runs of a folder in a browser, while they train.", kFooter);
  std::string folder = "output", host = "127.0.0.1";
  int64_t port = 8642;
  line.option("folder [FOLDER]", folder, "Where the runs are; default: output");
  line.option("--host ADDRESS", host, "Listen there; default: 127.0.0.1, which this machine alone can reach");
  line.option("--port PORT", port, "Listen at that port; default: 8642; 0: one that is free").range(0, 65535);
  return mm::run_plain_program(line, argc, argv, [&] {
    // What trains on this machine comes first.
    if (::nice(10) < 0) {
    }
    mm::Site site(folder, host);
    mm::DashboardServer server(site, host, static_cast<int>(port));
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) std::signal(signal, leave);
    mm::log_info("dashboard " + server.url() + " shows the runs in " + folder + "; Ctrl-C ends it");
    if (!is_loopback(host)) {
      mm::log_warning("everybody who can reach " + host + " can read the runs: configs, samples and logs");
    }
    server.serve();
    return mm::ExitCode::kFinished;
  });
}
