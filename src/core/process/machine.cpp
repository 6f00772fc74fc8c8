#include "core/process/machine.h"

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
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

/// `<limit> <in use>` in bytes; "max" or a number beyond any machine is no limit.
std::optional<double> left_of(const std::string& text) {
  std::istringstream words(text);
  double limit = 0, used = 0;
  if (!(words >> limit >> used) || limit > 0x1p60) return {};
  return std::max(limit - used, 0.0);
}

using LimitOf = std::optional<double> (*)(const fs::path& folder);

/// The least limit from `folder` up to `mount`.
std::optional<double> least_upwards(fs::path folder, const fs::path& mount, LimitOf limit_of) {
  std::optional<double> least;
  while (true) {
    const std::optional<double> here = limit_of(folder);
    if (here && (!least || *here < *least)) least = here;
    if (folder == mount || !folder.has_relative_path()) return least;
    folder = folder.parent_path();
  }
}

/// The least limit of all cgroups above a process, of the second version and of the first one's `controller`.
std::optional<double> least_of_cgroups(const std::string& membership, const std::string& mount,
                                       const std::string& controller, LimitOf second, LimitOf first_version) {
  std::optional<double> least;
  std::istringstream lines(membership);
  // `<hierarchy>:<controllers>:<path>`; the second version has neither number nor controllers.
  for (std::string line; std::getline(lines, line);) {
    const size_t first_colon = line.find(':'), second_colon = line.find(':', first_colon + 1);
    if (first_colon == std::string::npos || second_colon == std::string::npos) continue;
    const std::string controllers = line.substr(first_colon + 1, second_colon - first_colon - 1);
    const std::string path = fs::path(line.substr(second_colon + 1)).relative_path();
    const bool is_first = ("," + controllers + ",").find("," + controller + ",") != std::string::npos;
    if (!controllers.empty() && !is_first) continue;
    const fs::path root = fs::path(mount) / controllers;
    const auto limit = least_upwards((root / path).lexically_normal(), root.lexically_normal(),
                                     controllers.empty() ? second : first_version);
    if (limit && (!least || *limit < *least)) least = limit;
  }
  return least;
}

/// What `ulimit -v` leaves.
std::optional<double> left_of_address_space() {
  struct rlimit limit {};
  if (::getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return {};
  std::istringstream words(text_of("/proc/self/statm"));
  double pages = 0;
  words >> pages;
  return std::max(static_cast<double>(limit.rlim_cur) - pages * static_cast<double>(::sysconf(_SC_PAGESIZE)), 0.0);
}

/// Programs that run or wait for a processor at this moment: the fourth word of /proc/loadavg is `running/all`.
std::optional<int> runnable() {
  std::ifstream file("/proc/loadavg");
  std::string skipped, counts;
  if (!(file >> skipped >> skipped >> skipped >> counts)) return {};
  return std::atoi(counts.c_str());
}

/// Threads of this process that want a processor, or have one.
int own_runnable() {
  int count = 0;
  std::error_code failed;
  for (fs::directory_iterator thread("/proc/self/task", failed), end; !failed && thread != end;
       thread.increment(failed)) {
    // `<id> (<name>) <state> ...`, and a name may hold anything.
    const std::string stat = text_of(thread->path() / "stat");
    const size_t name_end = stat.rfind(')');
    count += name_end != std::string::npos && stat.compare(name_end, 3, ") R") == 0;
  }
  return count;
}

}  // namespace

std::optional<double> cgroup_quota(const std::string& membership, const std::string& mount) {
  return least_of_cgroups(
      membership, mount, "cpu", [](const fs::path& folder) { return quota_in(text_of(folder / "cpu.max")); },
      [](const fs::path& folder) {
        return quota_in(text_of(folder / "cpu.cfs_quota_us") + " " + text_of(folder / "cpu.cfs_period_us"));
      });
}

std::optional<double> cgroup_memory(const std::string& membership, const std::string& mount) {
  return least_of_cgroups(
      membership, mount, "memory",
      [](const fs::path& folder) {
        return left_of(text_of(folder / "memory.max") + " " + text_of(folder / "memory.current"));
      },
      [](const fs::path& folder) {
        return left_of(text_of(folder / "memory.limit_in_bytes") + " " + text_of(folder / "memory.usage_in_bytes"));
      });
}

std::optional<double> available_memory() {
  std::istringstream lines(text_of("/proc/meminfo"));
  std::optional<double> free;
  for (std::string line; std::getline(lines, line);) {
    double kib = 0;
    if (std::sscanf(line.c_str(), "MemAvailable: %lf kB", &kib) == 1) free = kib * 1024;
  }
  for (const std::optional<double>& limit :
       {cgroup_memory(text_of("/proc/self/cgroup"), "/sys/fs/cgroup"), left_of_address_space()}) {
    if (limit && (!free || *limit < *free)) free = limit;
  }
  return free;
}

int64_t peak_memory() {
  struct rusage usage {};
  return ::getrusage(RUSAGE_SELF, &usage) == 0 ? int64_t{1024} * usage.ru_maxrss : 0;
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
    others += std::max(*count - std::max(own_runnable(), 1), 0);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return others / kSamples;
}

}  // namespace mm
