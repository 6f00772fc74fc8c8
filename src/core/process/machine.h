// What this process may use of its machine: processors and memory.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace mm {

/// Those that its affinity allows, as far as the CPU quota of its cgroups covers them; at least 1. A machine may have
/// many more: `taskset`, containers and batch systems give a part of it.
int usable_processors();

/// The quota of the tightest cgroup above a process, in processors; nothing without one.
///   membership  the text of its /proc/<pid>/cgroup
///   mount       where cgroups are mounted: /sys/fs/cgroup
/// Knows both versions: cpu.max of the second, cpu.cfs_quota_us and cpu.cfs_period_us of the first.
std::optional<double> cgroup_quota(const std::string& membership, const std::string& mount);

/// Bytes that are free for this process: of the machine, as far as its cgroups and its own limits allow; nothing
/// where the system does not tell.
std::optional<double> available_memory();

/// The most bytes that this process had in memory; 0 where the system does not tell.
int64_t peak_memory();

/// What the tightest cgroup above a process leaves it, in bytes; nothing without a limit. Arguments as above; knows
/// memory.max and memory.current, and memory.limit_in_bytes and memory.usage_in_bytes of the first version.
std::optional<double> cgroup_memory(const std::string& membership, const std::string& mount);

/// Processors of this machine that other programs would use now, as a mean over the 20 ms that it takes; 0 where the
/// system does not tell.
double busy_processors();

}  // namespace mm
