// Threads and memory are counted by what the process may use, not by what the machine has.
#include "core/process/machine.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "core/process/go_last.h"
#include "tests/unit/core/temp_folder.h"

namespace mm {
namespace {

void put(const std::string& path, const std::string& text) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path) << text;
}

TEST(Processors, AffinityLimitsThem) {
  cpu_set_t before, one;
  ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
  int first = 0;
  while (!CPU_ISSET(first, &before)) ++first;
  CPU_ZERO(&one);
  CPU_SET(first, &one);
  ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
  EXPECT_EQ(usable_processors(), 1);
  ASSERT_EQ(sched_setaffinity(0, sizeof before, &before), 0);
}

TEST(Processors, AreKeptBusyByOtherProgramsAndNotByThreadsOfThisOne) {
  constexpr int kThreads = 32;
  std::atomic<bool> stop = false;
  std::vector<std::jthread> own;
  for (int i = 0; i < kThreads; ++i) {
    own.emplace_back([&] {
      while (!stop) {
      }
    });
  }
  const double busy = busy_processors();
  stop = true;
  EXPECT_LT(busy, kThreads / 2);
}

TEST(Processors, AreLeftToOthersByAThreadThatGoesLast) {
  const auto niceness = [] { return ::getpriority(PRIO_PROCESS, static_cast<id_t>(::gettid())); };
  const int before = niceness();
  int last = 0;
  std::jthread([&] {
    go_last(::gettid());
    last = niceness();
  }).join();
  EXPECT_EQ(last, 15);
  EXPECT_EQ(niceness(), before) << "of the thread that goes on";
}

TEST(Processors, TheQuotaIsThatOfTheTightestCgroupAbove) {
  const TempFolder folder;
  put(folder / "cpu.max", "max 100000\n");
  put(folder / "batch/cpu.max", "200000 100000\n");
  put(folder / "batch/job/cpu.max", "max 100000\n");
  EXPECT_EQ(cgroup_quota("0::/batch/job\n", folder.path()), 2.0);
  EXPECT_EQ(cgroup_quota("0::/batch\n", folder.path()), 2.0);
  EXPECT_EQ(cgroup_quota("0::/\n", folder.path()), std::nullopt);
  put(folder / "batch/job/cpu.max", "150000 100000\n");
  EXPECT_EQ(cgroup_quota("0::/batch/job\n", folder.path()), 1.5);
}

TEST(Processors, TheFirstVersionOfCgroupsIsKnownToo) {
  const TempFolder folder;
  put(folder / "cpu,cpuacct/docker/abc/cpu.cfs_quota_us", "400000\n");
  put(folder / "cpu,cpuacct/docker/abc/cpu.cfs_period_us", "100000\n");
  put(folder / "cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
  put(folder / "cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(cgroup_quota("7:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n", folder.path()), 4.0);
  EXPECT_EQ(cgroup_quota("4:cpu,cpuacct:/\n", folder.path()), std::nullopt);
  EXPECT_EQ(cgroup_quota("nonsense\n", folder.path()), std::nullopt);
}

TEST(Memory, TheLimitIsWhatTheTightestCgroupLeaves) {
  const TempFolder folder;
  put(folder / "memory.max", "max\n");
  put(folder / "memory.current", "5000\n");
  put(folder / "batch/memory.max", "8000\n");
  put(folder / "batch/memory.current", "3000\n");
  put(folder / "batch/job/memory.max", "6000\n");
  put(folder / "batch/job/memory.current", "500\n");
  EXPECT_EQ(cgroup_memory("0::/batch/job\n", folder.path()), 5000.0);
  EXPECT_EQ(cgroup_memory("0::/\n", folder.path()), std::nullopt);
  put(folder / "memory/docker/memory.limit_in_bytes", "4096\n");
  put(folder / "memory/docker/memory.usage_in_bytes", "5000\n");
  EXPECT_EQ(cgroup_memory("4:memory:/docker\n", folder.path()), 0.0);
}

TEST(Memory, ThisMachineHasSome) {
  EXPECT_GT(available_memory().value_or(0), 1e6);
}

}  // namespace
}  // namespace mm
