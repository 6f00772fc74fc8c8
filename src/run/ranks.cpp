// Rank 0 compares and tells; the others wait for its word.
#include "run/ranks.h"

#include <map>
#include <vector>

#include "core/config/config.h"
#include "core/hash.h"
#include "core/problems.h"
#include "core/text.h"
#include "distributed/failure.h"
#include "optim/optimizer_table.h"

namespace mm {
namespace {

constexpr const char* kSameForAll = "as rank 0 has it; give all ranks the same";

std::string of_rank(size_t rank, const std::string& host) {
  return format(" of rank %zu on host %s", rank, host.c_str());
}

/// What may differ from machine to machine.
bool is_own_affair(const std::string& difference) {
  return difference.starts_with("run.threads: ") || difference.starts_with("data.cache: ");
}

/// `key: old -> new` as a sentence.
void add_difference(const std::string& difference, const std::string& whose, Problems& problems) {
  const size_t colon = difference.find(": "), arrow = difference.find(" -> ");
  problems.add(difference.substr(0, colon) + whose, difference.substr(arrow + 4),
               difference.substr(colon + 2, arrow - colon - 2), kSameForAll);
}

/// Ends rank 0, and with it all, where there are problems.
void settle(const World& world, const Problems& problems, ExitCode code) {
  if (!problems.empty()) throw Error(code, join(problems.messages(), "\n"));
  world.barrier();
}

/// Of each rank, a few facts about it.
std::vector<std::vector<std::string>> gather_facts(const World& world, const std::vector<std::string>& own) {
  constexpr char kBetween = '\x1f';
  std::vector<std::vector<std::string>> facts;
  for (const std::string& text : world.gather(join(own, std::string(1, kBetween)))) {
    std::vector<std::string>& of_one = facts.emplace_back();
    for (size_t start = 0; start <= text.size();) {
      const size_t end = std::min(text.find(kBetween, start), text.size());
      of_one.push_back(text.substr(start, end - start));
      start = end + 1;
    }
  }
  return facts;
}

std::string in_words(int64_t ranks) {
  return ranks == 1 ? "1 process" : format("%lld ranks", static_cast<long long>(ranks));
}

void require_one_process(const RunConfig& config, int64_t ranks, Problems& problems) {
  const std::string with_ranks = " with " + in_words(ranks);
  if (config.compat.enabled()) {
    problems.add("compat.trainer", config.compat.trainer + with_ranks, "one process",
                 "a replay repeats what MiniMind's trainer does on one device");
  }
  if (config.train.shrink_micro_batch) {
    problems.add("train.shrink_micro_batch", "true" + with_ranks, "false",
                 "where memory does not suffice all ranks end, and one smaller micro-batch is for all");
  }
}

void require_even_shares(const RunConfig& config, int64_t ranks, Problems& problems) {
  const int64_t accumulation = config.train.accumulation;
  if (accumulation % ranks == 0) return;
  const int64_t below = accumulation / ranks * ranks;
  const std::string nearest =
      below == 0 ? std::to_string(ranks)
                 : format("%lld or %lld", static_cast<long long>(below), static_cast<long long>(below + ranks));
  problems.add("train.accumulation", format("%lld for ", static_cast<long long>(accumulation)) + in_words(ranks),
               "a multiple of the ranks",
               "they share the micro-batches of a step: " + nearest +
                   " is next; to keep the size of a step, change train.micro_batch the other way");
}

void require_divisible_experts(const RunConfig& config, int64_t ranks, Problems& problems) {
  const int64_t parts = config.distributed.expert_parallel, experts = config.model.moe.num_experts;
  if (parts == 1) return;
  const auto refuse = [&](const std::string& because, const std::string& want, const std::string& remedy) {
    problems.add("distributed.expert_parallel", std::to_string(parts) + because, want, remedy);
  };
  if (!config.model.is_moe()) return refuse(" for a dense model", "1", "there are no experts to divide");
  if (ranks % parts != 0) {
    refuse(" for " + in_words(ranks), "a divisor of their number", "each group of so many ranks has all experts");
  }
  if (experts % parts != 0) {
    refuse(format(" for model.num_experts %lld", static_cast<long long>(experts)), "a divisor of their number",
           "each rank has an equal share");
  }
  if (!can_update_parts(config.optim)) {
    refuse(" with optim.type " + config.optim.type, "1", "or set optim.type to adamw");
  }
  if (config.revival.method != "none") {
    refuse(" with revival.method " + config.revival.method, "1", "or none: an expert takes over from one of its rank");
  }
}

}  // namespace

void require_shareable(const RunConfig& config, int64_t ranks) {
  Problems problems;
  require_divisible_experts(config, ranks, problems);
  if (config.distributed.shard_optimizer == "on" && !can_update_parts(config.optim)) {
    problems.add("distributed.shard_optimizer", "on with optim.type " + config.optim.type, "auto or off",
                 "it updates whole matrices; adamw can be sharded");
  }
  if (ranks > 1) {
    require_one_process(config, ranks, problems);
    require_even_shares(config, ranks, problems);
  }
  problems.throw_if_any();
}

ExitCode in_world(const DistributedConfig& config, const std::function<ExitCode(World&)>& work) {
  World world(placement_of_this_process(), config);
  try {
    const ExitCode code = work(world);
    world.leave();
    return code;
  } catch (const Error& error) {
    const bool is_told = world.report(error.code(), error.what()) && !world.is_first();
    throw Error(error.code(), is_told ? "" : error.what());
  } catch (const std::exception& error) {
    world.report(ExitCode::kInternal, error.what());
    throw;
  }
}

void require_same_config(const World& world, const RunConfig& config, const std::string& version) {
  if (world.is_alone()) return;
  const auto facts = gather_facts(world, {host_name(), version, run_config_text(config)});
  Problems problems;
  for (size_t rank = 1; rank < facts.size() && world.is_first(); ++rank) {
    const std::string whose = of_rank(rank, facts[rank][0]);
    if (facts[rank][1] != facts[0][1]) problems.add("the program" + whose, facts[rank][1], facts[0][1], kSameForAll);
    for (const std::string& difference : diff_config(facts[0][2], facts[rank][2])) {
      if (!is_own_affair(difference)) add_difference(difference, whose, problems);
    }
  }
  settle(world, problems, ExitCode::kConfig);
}

void require_same_data(const World& world, const TrainingData& data, const Tokenizer& tokenizer) {
  if (world.is_alone()) return;
  const auto facts = gather_facts(world, {host_name(), hex64(tokenizer.fingerprint()), hex64(data.train->fingerprint()),
                                          data.validation ? hex64(data.validation->fingerprint()) : "none"});
  Problems problems;
  for (size_t rank = 1; rank < facts.size() && world.is_first(); ++rank) {
    constexpr const char* kNames[] = {"the tokenizer", "the training text", "the validation text"};
    for (size_t i = 0; i < 3; ++i) {
      if (facts[rank][i + 1] == facts[0][i + 1]) continue;
      problems.add(kNames[i] + of_rank(rank, facts[rank][0]), "fingerprint " + facts[rank][i + 1], facts[0][i + 1],
                   "as rank 0 has it; copy the files of one machine to the others");
    }
  }
  settle(world, problems, ExitCode::kData);
}

std::string describe_ranks(const World& world) {
  if (world.is_alone()) return "";
  std::map<std::string, int> hosts;
  for (const std::string& host : world.gather(host_name())) ++hosts[host];
  std::vector<std::string> words;
  for (const auto& [host, ranks] : hosts) words.push_back(host + format(" (%d)", ranks));
  return format("%lld ranks on %zu %s: ", static_cast<long long>(world.size()), hosts.size(),
                hosts.size() == 1 ? "host" : "hosts") +
         join(words, ", ");
}

}  // namespace mm
