// Loading a 1 GB `.pth` as the programs do against read() of the same file: `load_bench [rounds]`. Every
// measurement has a process of its own, because a program loads once, into memory that it never had before.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>

#include "core/error.h"
#include "core/text.h"
#include "interchange/state_dict.h"
#include "interchange/weights.h"
#include "model/parameters/init.h"
#include "ops/cpu/caching_allocator.h"

namespace mm {
namespace {

namespace fs = std::filesystem;

constexpr double kLeastSpeed = 0.5, kMostMemory = 1.1;

struct Measurement {
  double seconds = 0;
  double cpu_seconds = 0;  ///< of all threads, user and system: what neighbours disturb least
  double tensor_bytes = 0;
  double start_bytes = 0, peak_bytes = 0;  ///< resident: before the measured part, and the most in it
};

/// A folder of its own for the file; both go with it.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (fs::temp_directory_path() / "load_bench.XXXXXX").string();
    require(::mkdtemp(pattern.data()) != nullptr, "mkdtemp");
    path_ = pattern;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::string operator/(const char* name) const { return (path_ / name).string(); }

 private:
  fs::path path_;
};

/// VmRSS or VmHWM of this process, in bytes.
double resident(const std::string& field) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(field + ":")) return 1024 * std::stod(line.substr(field.size() + 1));
  }
  throw Error(ExitCode::kInternal, "/proc/self/status has no " + field);
}

/// The child gets the answer across in a pipe, and leaves without destructors of what the parent owns.
Measurement in_own_process(const std::function<Measurement()>& work) {
  int ends[2];
  require(::pipe(ends) == 0, "pipe");
  const pid_t child = ::fork();
  require(child >= 0, "fork");
  if (child == 0) {
    int failed = 1;
    try {
      const Measurement measured = work();
      failed = ::write(ends[1], &measured, sizeof measured) == sizeof measured ? 0 : 1;
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s\n", error.what());
    }
    ::_exit(failed);
  }
  Measurement measured;
  ::close(ends[1]);
  const bool whole = ::read(ends[0], &measured, sizeof measured) == sizeof measured;
  ::close(ends[0]);
  ::waitpid(child, nullptr, 0);
  if (!whole) throw Error(ExitCode::kInternal, "a measurement failed");
  return measured;
}

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

Measurement timed(const std::function<double()>& tensor_bytes_of) {
  Measurement measured;
  measured.start_bytes = resident("VmRSS");
  const double cpu_start = cpu_seconds();
  const auto start = std::chrono::steady_clock::now();
  measured.tensor_bytes = tensor_bytes_of();
  measured.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  measured.cpu_seconds = cpu_seconds() - cpu_start;
  measured.peak_bytes = resident("VmHWM");
  return measured;
}

/// 1.12 GB in MiniMind's third generation: 24 layers of width 1024, the tied head as a second storage.
void write_large_pth(const std::string& path) {
  const Generation& generation = find_generation("g3c", "load_bench");
  ModelConfig config = generation_model(generation, /*moe=*/false);
  config.hidden_size = 1024;
  config.intermediate_size = 2752;
  config.num_hidden_layers = 24;
  Problems problems;
  resolve_model(config, "load_bench", problems);
  problems.throw_if_any();
  Parameters parameters(config, at::kCPU, at::kFloat, /*trainable=*/false);
  initialize(parameters, config, /*seed=*/1);
  write_generation_pth(path, parameters.tensors(), config, generation, at::kFloat);
}

void read_whole(const std::string& path, char* into, size_t bytes) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  require(file >= 0, "open");
  for (size_t filled = 0; filled < bytes;) {
    const ssize_t count = ::read(file, into + filled, bytes - filled);
    require(count > 0, "read");
    filled += static_cast<size_t>(count);
  }
  ::close(file);
}

/// Leaves the kernel with free memory that is really there: a virtual machine may have handed back what was unused for
/// seconds, and then the first touch of each page costs many times the copy into it.
void touch_memory(size_t bytes) {
  in_own_process([&] {
    const std::unique_ptr<char[]> memory(new char[bytes]);
    std::memset(memory.get(), 1, bytes);
    return Measurement{.tensor_bytes = static_cast<double>(memory[bytes / 2])};
  });
}

/// read() into one block of memory: that of a new process, or one that was read into before.
Measurement read_plainly(const std::string& path, bool warm) {
  const size_t bytes = fs::file_size(path);
  const std::unique_ptr<char[]> memory(new char[bytes]);
  if (warm) read_whole(path, memory.get(), bytes);
  return timed([&] {
    read_whole(path, memory.get(), bytes);
    return static_cast<double>(bytes);
  });
}

/// What generate and evaluate do between their options and their first token: into fresh memory. Memory is in use when
/// the caching allocator keeps that of a model which was loaded before.
Measurement load(const std::string& path, bool warm) {
  if (warm) cpu::use_caching_allocator();
  std::optional<Parameters> parameters;
  const auto load_once = [&] {
    const Weights weights = open_weights(path, nullptr, "load_bench");
    const ModelConfig config = model_with_flags(weights.file, {});
    parameters.emplace(config, at::kCPU, at::kFloat, /*trainable=*/false);
    copy_weights(weights, config, *parameters);
    return static_cast<double>(parameters->master().nbytes());
  };
  if (warm) load_once();
  parameters.reset();
  return timed(load_once);
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

std::string spread(const std::vector<double>& values) {
  const auto [lowest, highest] = std::minmax_element(values.begin(), values.end());
  return format("%6.3f (%.3f..%.3f)", median(values), *lowest, *highest);
}

struct Times {
  std::vector<double> wall, cpu;

  void add(const Measurement& measured) {
    wall.push_back(measured.seconds);
    cpu.push_back(measured.cpu_seconds);
  }
  /// How many times as fast as this `other` is, round by round.
  Times over(const Times& other) const {
    Times ratio;
    for (size_t i = 0; i < wall.size(); ++i) {
      ratio.wall.push_back(wall[i] / other.wall[i]);
      ratio.cpu.push_back(cpu[i] / other.cpu[i]);
    }
    return ratio;
  }
  void print(const char* what, const std::string& target = "") const {
    std::printf("%-36s %-23s %-23s %s\n", what, spread(wall).c_str(), spread(cpu).c_str(), target.c_str());
  }
};

void run(size_t rounds) {
  const TemporaryFolder folder;
  const std::string path = folder / "large.pth";
  in_own_process([&] {
    write_large_pth(path);
    return Measurement{};
  });
  const size_t bytes = fs::file_size(path);

  Times read_warm, read_fresh, load_warm, load_fresh;
  std::vector<double> peak, whole;
  for (size_t i = 0; i < rounds; ++i) {
    const auto measure = [&](const std::function<Measurement()>& work) {
      touch_memory(bytes + bytes / 4);
      return in_own_process(work);
    };
    read_warm.add(measure([&] { return read_plainly(path, /*warm=*/true); }));
    load_warm.add(measure([&] { return load(path, /*warm=*/true); }));
    read_fresh.add(measure([&] { return read_plainly(path, /*warm=*/false); }));
    const Measurement loaded = measure([&] { return load(path, /*warm=*/false); });
    load_fresh.add(loaded);
    peak.push_back((loaded.peak_bytes - loaded.start_bytes) / loaded.tensor_bytes);
    whole.push_back(loaded.peak_bytes / loaded.tensor_bytes);
  }

  const std::string least = format("want >= %.2f", kLeastSpeed);
  std::printf("%.2f GB fp32 .pth in the page cache, %zu rounds; median (lowest..highest)\n\n",
              1e-9 * static_cast<double>(bytes), rounds);
  std::printf("%-36s %-23s %-23s\n", "seconds", "wall", "processor");
  read_warm.print("read() into memory in use");
  load_warm.print("load into memory in use");
  read_fresh.print("read() into fresh memory");
  load_fresh.print("load into fresh memory");
  std::printf("\nspeed of the load over that of read()\n");
  read_warm.over(load_warm).print("both into memory in use", least);
  read_fresh.over(load_fresh).print("both into fresh memory", least);
  read_warm.over(load_fresh).print("load into fresh, read() into used");
  std::printf("\npeak memory over the tensors' bytes\n%-36s %-23s %-23s want <= %.2f\n", "of the load",
              spread(peak).c_str(), "", kMostMemory);
  std::printf("%-36s %s\n", "of the program, LibTorch included", spread(whole).c_str());
}

}  // namespace
}  // namespace mm

int main(int argc, char** argv) {
  try {
    mm::run(argc > 1 ? std::stoul(argv[1]) : 7);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
