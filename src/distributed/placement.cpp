// torchrun: https://docs.pytorch.org/docs/stable/elastic/run.html#environment-variables
// Slurm: https://slurm.schedmd.com/srun.html#SECTION_OUTPUT-ENVIRONMENT-VARIABLES
#include "distributed/placement.h"

#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/problems.h"
#include "core/text.h"

namespace mm {
namespace {

constexpr int64_t kMostRanks = 1 << 20, kMostPort = 65535;

/// Reads numbers of the environment, and keeps what is wrong with them.
class Reader {
 public:
  explicit Reader(const Environment& environment) : environment_(environment) {}

  std::optional<std::string> text(const char* name) const { return environment_(name); }

  /// Nothing where the variable is not set; what is no number in [least, most] is a problem.
  std::optional<int64_t> number(const char* name, int64_t least, int64_t most) {
    const std::optional<std::string> value = environment_(name);
    if (!value) return {};
    const bool digits = value->size() <= 9 && value->find_first_not_of("0123456789") == std::string::npos;
    const int64_t number = digits ? std::stoll(*value) : -1;
    if (number >= least && number <= most) return number;
    problems_.add(name, *value,
                  format("a number from %lld to %lld", static_cast<long long>(least), static_cast<long long>(most)));
    return {};
  }

  void refuse(const std::string& where, const std::string& got, const std::string& want, const std::string& remedy) {
    problems_.add(where, got, want, remedy);
  }
  void throw_if_any() const { problems_.throw_if_any(); }

 private:
  const Environment& environment_;
  Problems problems_;
};

void check(const Placement& place, const char* rank, const char* size, Reader& read) {
  const auto below = [&](const char* name, int64_t value, const char* bound, int64_t limit) {
    if (value < limit) return;
    read.refuse(name, std::to_string(value), format("less than %s %lld", bound, static_cast<long long>(limit)),
                "processes are counted from 0");
  };
  below(rank, place.rank, size, place.size);
  below("the local rank", place.local_rank, "the processes of this machine,", place.local_size);
  if (place.local_size > place.size) {
    read.refuse("LOCAL_WORLD_SIZE", std::to_string(place.local_size),
                format("at most %s %lld", size, static_cast<long long>(place.size)),
                "the processes of one machine are among all of them");
  }
}

Placement by_rank(Reader& read) {
  Placement place;
  std::vector<std::string> missing;
  for (const char* name : {"RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"}) {
    if (!read.text(name)) missing.emplace_back(name);
  }
  place.rank = read.number("RANK", 0, kMostRanks).value_or(0);
  place.size = read.number("WORLD_SIZE", 1, kMostRanks).value_or(1);
  // One process needs nobody to meet.
  const bool alone = read.text("WORLD_SIZE") == "1" && read.text("RANK").value_or("0") == "0";
  if (!missing.empty() && !alone) {
    read.refuse("the environment", "no " + join(missing, ", no "), "RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT",
                "torchrun or scripts/launch.sh set them; unset the others to train with one process");
  }
  place.address = read.text("MASTER_ADDR").value_or("");
  place.port = read.number("MASTER_PORT", 1, kMostPort).value_or(0);
  const auto local_rank = read.number("LOCAL_RANK", 0, kMostRanks);
  // Where nobody says which machine a process is on, each has a machine of its own.
  place.local_size = read.number("LOCAL_WORLD_SIZE", 1, kMostRanks).value_or(local_rank.value_or(0) + 1);
  place.local_rank = local_rank.value_or(0);
  place.agent_keeps_store = read.text("TORCHELASTIC_USE_AGENT_STORE") == "True";
  place.attempt = read.text("TORCHELASTIC_RESTART_COUNT").value_or("0");
  check(place, "RANK", "WORLD_SIZE", read);
  return place;
}

/// `node` of `node[03-07,12]`, with the first number behind it; the first name of a list without brackets.
std::string first_host(std::string_view list) {
  const size_t bracket = list.find('['), comma = list.find(',');
  if (bracket == std::string_view::npos || comma < bracket) return std::string(list.substr(0, comma));
  const std::string_view numbers = list.substr(bracket + 1);
  return std::string(list.substr(0, bracket)) + std::string(numbers.substr(0, numbers.find_first_of("-,]")));
}

/// Of `4(x2),3`: the tasks of the first machine.
int64_t first_count(const std::string& counts) {
  return std::max<int64_t>(std::atoll(counts.c_str()), 1);
}

/// A port that the steps of one job share and other jobs hardly have.
int64_t port_of_job(int64_t job, int64_t step) {
  constexpr int64_t kFirst = 20000, kPorts = 10000;
  return kFirst + (job * 7 + step) % kPorts;
}

Placement by_slurm(Reader& read) {
  Placement place;
  std::vector<std::string> missing;
  for (const char* name : {"SLURM_PROCID", "SLURM_LOCALID"}) {
    if (!read.text(name)) missing.emplace_back(name);
  }
  place.size = read.number("SLURM_NTASKS", 1, kMostRanks).value_or(1);
  place.rank = read.number("SLURM_PROCID", 0, kMostRanks).value_or(0);
  place.local_rank = read.number("SLURM_LOCALID", 0, kMostRanks).value_or(0);
  const std::string per_node = read.text("SLURM_STEP_TASKS_PER_NODE").value_or("");
  const auto nodes = read.number("SLURM_NNODES", 1, kMostRanks);
  place.local_size = std::max(place.local_rank + 1, nodes == 1 ? place.size : first_count(per_node));
  place.local_size = std::min(place.local_size, place.size);
  const std::optional<std::string> hosts =
      read.text("SLURM_STEP_NODELIST") ? read.text("SLURM_STEP_NODELIST") : read.text("SLURM_JOB_NODELIST");
  place.address = read.text("MASTER_ADDR").value_or(first_host(hosts.value_or("")));
  const auto job = read.number("SLURM_JOB_ID", 0, 999999999), step = read.number("SLURM_STEP_ID", 0, 999999999);
  place.port = read.number("MASTER_PORT", 1, kMostPort).value_or(port_of_job(job.value_or(0), step.value_or(0)));
  if (place.address.empty()) missing.emplace_back("SLURM_STEP_NODELIST");
  if (!missing.empty()) {
    read.refuse("the environment", "SLURM_NTASKS, but no " + join(missing, ", no "), "what srun sets",
                "start it with srun; unset SLURM_NTASKS to train with one process");
  }
  check(place, "SLURM_PROCID", "SLURM_NTASKS", read);
  return place;
}

}  // namespace

Placement placement_of(const Environment& environment) {
  Reader read(environment);
  Placement place;
  if (read.text("WORLD_SIZE") || read.text("RANK")) {
    place = by_rank(read);
  } else if (read.text("SLURM_NTASKS").value_or("1") != "1") {
    place = by_slurm(read);
  }
  read.throw_if_any();
  return place.is_alone() ? Placement() : place;
}

Placement placement_of_this_process() {
  return placement_of([](const char* name) -> std::optional<std::string> {
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0') return {};
    return value;
  });
}

}  // namespace mm
