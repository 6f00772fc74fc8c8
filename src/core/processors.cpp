#include "core/processors.h"

#include <sched.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

namespace mm {
namespace {

namespace fs = std::filesystem;

int allowed_by_affinity() {
  // A set that is too small for the machine is refused: the next size is tried.
  for (int most = 1024; most <= 1 << 20; most *= 2) {
    cpu_set_t* set = CPU_ALLOC(static_cast<size_t>(most));
    const size_t bytes = CPU_ALLOC_SIZE(static_cast<size_t>(most));
    const bool known = sched_getaffinity(0, bytes, set) == 0;
    const int count = known ? CPU_COUNT_S(bytes, set) : 0;
    CPU_FREE(set);
    if (known) return std::max(count, 1);
  }
  return std::max(static_cast<int>(std::thread::hardware_concurrency()), 1);
}

std::string text_of(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

/// `<quota> <period>` in microseconds; "max" or -1 is no quota.
std::optional<double> quota_in(const std::string& text) {
  std::istringstream words(text);
  double quota = 0, period = 0;
  if (!(words >> quota >> period) || quota <= 0 || period <= 0) return {};
  return quota / period;
}

/// The least quota from `folder` up to `mount`.
template <class Quota>
std::optional<double> least_upwards(fs::path folder, const fs::path& mount, const Quota& quota_of) {
  std::optional<double> least;
  while (true) {
    const std::optional<double> here = quota_of(folder);
    if (here && (!least || *here < *least)) least = here;
    if (folder == mount || !folder.has_relative_path()) return least;
    folder = folder.parent_path();
  }
}

/// Programs that run or wait for a processor at this moment: the fourth word of /proc/loadavg is `running/all`.
std::optional<int> runnable() {
  std::ifstream file("/proc/loadavg");
  std::string skipped, counts;
  if (!(file >> skipped >> skipped >> skipped >> counts)) return {};
  return std::atoi(counts.c_str());
}

}  // namespace

std::optional<double> cgroup_quota(const std::string& membership, const std::string& mount) {
  std::optional<double> least;
  std::istringstream lines(membership);
  // `<hierarchy>:<controllers>:<path>`; the second version has neither number nor controllers.
  for (std::string line; std::getline(lines, line);) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string path = fs::path(line.substr(second + 1)).relative_path();
    std::optional<double> quota;
    if (controllers.empty()) {
      quota = least_upwards((fs::path(mount) / path).lexically_normal(), mount,
                            [](const fs::path& folder) { return quota_in(text_of(folder / "cpu.max")); });
    } else if (("," + controllers + ",").find(",cpu,") != std::string::npos) {
      const fs::path root = fs::path(mount) / controllers;
      quota = least_upwards((root / path).lexically_normal(), root, [](const fs::path& folder) {
        return quota_in(text_of(folder / "cpu.cfs_quota_us") + " " + text_of(folder / "cpu.cfs_period_us"));
      });
    }
    if (quota && (!least || *quota < *least)) least = quota;
  }
  return least;
}

int usable_processors() {
  const int allowed = allowed_by_affinity();
  const std::optional<double> quota = cgroup_quota(text_of("/proc/self/cgroup"), "/sys/fs/cgroup");
  if (!quota) return allowed;
  // Half a processor more is not worth a thread that waits half of the time.
  return std::clamp(static_cast<int>(std::floor(*quota)), 1, allowed);
}

double busy_processors() {
  constexpr int kSamples = 20;
  double others = 0;
  for (int i = 0; i < kSamples; ++i) {
    const std::optional<int> count = runnable();
    if (!count) return 0;
    others += std::max(*count - 1, 0);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return others / kSamples;
}

}  // namespace mm
