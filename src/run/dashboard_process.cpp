// A process, not a thread: it has no part in the memory, the processor's first choice and the end of the run.
#include "run/dashboard_process.h"

#include <chrono>
#include <filesystem>
#include <thread>

#include "core/error.h"
#include "core/files/files.h"
#include "core/terminal/log.h"

namespace mm {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr const char* kGoesOn = "; the run goes on without one";

/// The first line that a program wrote to `path`; empty where it has written none.
std::string first_line(const std::string& path) {
  const std::string text = read_file(path, ExitCode::kStorage);
  const size_t end = text.find('\n');
  return end == std::string::npos ? "" : text.substr(0, end);
}

/// Whether it listens now; false when it has ended, or is silent for too long.
bool listens(ChildProcess& dashboard, const std::string& path) {
  constexpr auto kPatience = std::chrono::seconds(5);
  const Clock::time_point begun = Clock::now();
  while (!dashboard.ended() && Clock::now() - begun < kPatience) {
    if (first_line(path).starts_with("dashboard ")) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

}  // namespace

std::optional<ChildProcess> start_dashboard(const std::string& run_folder, const std::string& programs, int64_t port) {
  const std::string path = run_folder + "/dashboard.log", runs = fs::path(run_folder).begin()->string();
  try {
    write_file_atomic(path, "");
    ChildProcess dashboard(programs + "/dashboard", {runs, "--port", std::to_string(port)}, path);
    const bool good = listens(dashboard, path);
    const std::string words = first_line(path);
    if (good) {
      log_info(words.substr(0, words.find(';')) + " until this run ends");
      return dashboard;
    }
    log_warning("no dashboard: " + (words.empty() ? programs + "/dashboard does not start" : words) + kGoesOn);
  } catch (const Error& error) {
    log_warning("no dashboard: " + std::string(error.what()) + kGoesOn);
  }
  return std::nullopt;
}

}  // namespace mm
