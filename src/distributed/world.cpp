// Sums are made of an all-to-all: each rank gets its part of every other one's buffer and adds them up in their order.
// A ring or a tree would send as much, and add in an order that depends on who is whose neighbour.
#include "distributed/world.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <numeric>
#include <thread>
#include <utility>

#include "core/process/stop_signal.h"
#include "core/text.h"
#include "distributed/failure.h"
#include "distributed/meeting_point.h"
#include "distributed/process_group.h"
#include "distributed/rank_watch.h"

namespace mm {
namespace {

/// In one message to all ranks together: bounds what a sum takes besides its buffer.
constexpr int64_t kElementsAtOnce = int64_t{1} << 23;
/// So few are sent to all at once, and each rank adds them up itself: one exchange instead of two.
constexpr int64_t kFewElements = int64_t{1} << 14;

/// As many elements as the shorter of them has.
void copy_front(const at::Tensor& to, const at::Tensor& from) {
  const int64_t elements = std::min(to.size(0), from.size(0));
  to.narrow(0, 0, elements).copy_(from.narrow(0, 0, elements));
}

}  // namespace

struct World::Links {
  Links(const Placement& place, std::chrono::seconds limit)
      : meeting(place, place.rank == 0 && !place.agent_keeps_store, limit) {}

  MeetingPoint meeting;
  std::unique_ptr<RankWatch> watch;
  std::unique_ptr<ProcessGroup> all, experts, replicas;
  int64_t gathered = 0;  ///< so far: names the next one
};

World::World() = default;

const World& World::alone() {
  static const World world;
  return world;
}

World::World(const Placement& place, const DistributedConfig& config) : place_(place) {
  if (place.is_alone()) return;
  const std::chrono::seconds limit(config.timeout_seconds);
  links_ = std::make_unique<Links>(place_, limit);
  const auto key_of = [](int64_t rank) { return "host/" + std::to_string(rank); };
  MeetingPoint& meeting = links_->meeting;
  if (meeting.add("came/" + std::to_string(rank()), 1) > 1) {
    throw Error(ExitCode::kConfig, got_want("RANK " + std::to_string(rank()), "a world that has this rank already",
                                            "each rank once", "give another run another MASTER_PORT"));
  }
  meeting.set(key_of(rank()), std::to_string(size()) + " " + host_name());
  std::vector<std::string> hosts;
  const auto until = std::chrono::steady_clock::now() + limit;
  for (int64_t each = 0; each < size();) {
    if (const auto host = meeting.get(key_of(each))) {
      const size_t space = host->find(' ');
      if (host->substr(0, space) != std::to_string(size())) {
        throw Error(ExitCode::kConfig, got_want(format("WORLD_SIZE of rank %lld", static_cast<long long>(each)),
                                                host->substr(0, space), std::to_string(size()), "it is one world"));
      }
      hosts.push_back(host->substr(space + 1));
      ++each;
      continue;
    }
    if (std::chrono::steady_clock::now() > until) {
      throw Error(ExitCode::kHang,
                  got_want("WORLD_SIZE " + std::to_string(size()),
                           format("no rank %lld within distributed.timeout_seconds", static_cast<long long>(each)),
                           "all ranks", "look whether it was started, and what it says"));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  defer_stop_signals();
  stop_only_between_steps();
  links_->watch = std::make_unique<RankWatch>(place_, std::move(hosts), limit);
}

World::~World() = default;

void World::wait_for(const std::vector<std::string>& keys) const {
  const RankWatch::Waiting waiting(*links_->watch);
  for (std::chrono::milliseconds pause{1}; !links_->meeting.has(keys);) {
    std::this_thread::sleep_for(pause);
    pause = std::min(2 * pause, std::chrono::milliseconds(50));
  }
}

std::vector<std::string> World::gather(const std::string& text) const {
  if (is_alone()) return {text};
  const std::string prefix = "gather/" + std::to_string(links_->gathered++) + "/";
  std::vector<std::string> keys, texts;
  for (int64_t each = 0; each < size(); ++each) keys.push_back(prefix + std::to_string(each));
  guarded([&] {
    links_->meeting.set(keys[static_cast<size_t>(rank())], text);
    wait_for(keys);
    for (const std::string& key : keys) texts.push_back(links_->meeting.get(key).value_or(""));
  });
  return texts;
}

std::string World::from_first(const std::string& text) const {
  if (is_alone()) return text;
  const std::string key = "first/" + std::to_string(links_->gathered++);
  std::string said = text;
  guarded([&] {
    if (is_first()) return links_->meeting.set(key, text);
    wait_for({key});
    said = links_->meeting.get(key).value_or("");
  });
  return said;
}

void World::connect(at::Device device, int64_t expert_ranks) {
  require(size() % expert_ranks == 0, "an equal share of the experts for every rank");
  expert_ranks_ = expert_ranks;
  if (is_alone()) return;
  const auto connected = [&](Among among, const char* name, int64_t group) {
    const Membership member{.name = name + std::to_string(group), .index = index(among), .count = count(among)};
    return member.count == 1 ? nullptr : std::make_unique<ProcessGroup>(place_, member, links_->meeting, device);
  };
  guarded([&] {
    const RankWatch::Waiting waiting(*links_->watch);
    links_->all = connected(Among::kAll, "all/", 0);
    if (expert_ranks == 1) return;
    links_->experts = connected(Among::kExperts, "experts/", rank() / expert_ranks);
    links_->replicas = connected(Among::kReplicas, "replicas/", rank() % expert_ranks);
  });
}

int64_t World::count(Among among) const {
  return among == Among::kAll ? size() : among == Among::kExperts ? expert_ranks_ : size() / expert_ranks_;
}

int64_t World::index(Among among) const {
  return among == Among::kAll ? rank() : among == Among::kExperts ? rank() % expert_ranks_ : rank() / expert_ranks_;
}

ProcessGroup& World::group(Among among) const {
  // Without a division of the experts all have the same.
  const bool are_all = among == Among::kAll || (among == Among::kReplicas && expert_ranks_ == 1);
  return are_all ? *links_->all : among == Among::kExperts ? *links_->experts : *links_->replicas;
}

Shard World::shard(int64_t elements, int64_t index, Among among) const {
  const int64_t lines = (elements + kShardMultiple - 1) / kShardMultiple, members = count(among);
  const auto begin_of = [&](int64_t member) {
    return std::min((lines / members * member + std::min(member, lines % members)) * kShardMultiple, elements);
  };
  return {begin_of(index), begin_of(index + 1)};
}

void World::reduce_scatter(const at::Tensor& flat, Among among) const {
  in_pieces(flat, among, [&](int64_t elements, const PartOf& part_of) {
    const at::Tensor sent_mn = at::zeros({count(among), elements}, flat.options()), got_mn = at::empty_like(sent_mn);
    for (int64_t each = 0; each < count(among); ++each) copy_front(sent_mn.select(0, each), part_of(each));
    group(among).all_to_all(got_mn, sent_mn);
    const at::Tensor own = part_of(index(among));
    copy_front(own, got_mn.select(0, 0));
    for (int64_t each = 1; each < count(among); ++each) own.add_(got_mn.select(0, each).narrow(0, 0, own.size(0)));
  });
}

void World::all_gather(const at::Tensor& flat, Among among) const {
  in_pieces(flat, among, [&](int64_t elements, const PartOf& part_of) {
    const at::Tensor sent_n = at::zeros({elements}, flat.options());
    const at::Tensor got_mn = at::empty({count(among), elements}, flat.options());
    copy_front(sent_n, part_of(index(among)));
    group(among).all_gather(got_mn, sent_n);
    for (int64_t each = 0; each < count(among); ++each) copy_front(part_of(each), got_mn.select(0, each));
  });
}

/// The parts of the members side by side, so many elements of each at a time; those of a part that is shorter are
/// fewer.
void World::in_pieces(const at::Tensor& flat, Among among,
                      const std::function<void(int64_t, const PartOf&)>& exchange) const {
  const int64_t members = count(among);
  if (members == 1) return;
  const int64_t longest = shard(flat.numel(), 0, among).size(), most = std::max<int64_t>(kElementsAtOnce / members, 1);
  guarded([&] {
    const RankWatch::Waiting waiting(*links_->watch);
    for (int64_t first = 0; first < longest; first += most) {
      const int64_t elements = std::min(most, longest - first);
      exchange(elements, [&](int64_t each) {
        const Shard part = shard(flat.numel(), each, among);
        const int64_t begin = std::min(part.begin + first, part.end);
        return flat.narrow(0, begin, std::min(begin + elements, part.end) - begin);
      });
    }
  });
}

void World::all_reduce(const at::Tensor& flat, Among among) const {
  if (count(among) == 1) return;
  if (flat.numel() > kFewElements) {
    reduce_scatter(flat, among);
    all_gather(flat, among);
    return;
  }
  guarded([&] {
    const RankWatch::Waiting waiting(*links_->watch);
    const at::Tensor all_mn = at::empty({count(among), flat.numel()}, flat.options());
    group(among).all_gather(all_mn, flat);
    flat.copy_(all_mn.select(0, 0));
    for (int64_t each = 1; each < count(among); ++each) flat.add_(all_mn.select(0, each));
  });
}

void World::broadcast(const at::Tensor& tensor, Among among) const {
  if (count(among) == 1) return;
  guarded([&] {
    const RankWatch::Waiting waiting(*links_->watch);
    const at::Tensor whole = tensor.contiguous();
    group(among).broadcast(whole);
    if (!whole.is_same(tensor)) tensor.copy_(whole);
  });
}

at::Tensor World::exchange(const at::Tensor& rows_rd, const std::vector<int64_t>& sends,
                           const std::vector<int64_t>& receives, Among among) const {
  if (count(among) == 1) return rows_rd;
  const int64_t rows = std::accumulate(receives.begin(), receives.end(), int64_t{0});
  const at::Tensor got_rd = at::empty({rows, rows_rd.size(1)}, rows_rd.options());
  guarded([&] {
    const RankWatch::Waiting waiting(*links_->watch);
    group(among).all_to_all(got_rd, rows_rd.contiguous(), receives, sends);
  });
  return got_rd;
}

void World::collect(const at::Tensor& part, int64_t from, const at::Tensor& to) const {
  send(part, 0, to, from);
}

void World::deliver(const at::Tensor& part, int64_t to_rank, const at::Tensor& to) const {
  send(part, to_rank, to, 0);
}

/// By way of the host, a bounded part at a time.
void World::send(const at::Tensor& part, int64_t to, const at::Tensor& into, int64_t from) const {
  if (from == to) {
    if (rank() == to) into.copy_(part);
    return;
  }
  if (rank() != from && rank() != to) return;
  const at::Tensor& own = rank() == from ? part : into;
  guarded([&] {
    const RankWatch::Waiting waiting(*links_->watch);
    for (int64_t first = 0; first < own.numel(); first += kElementsAtOnce) {
      const at::Tensor piece = own.narrow(0, first, std::min(kElementsAtOnce, own.numel() - first));
      if (rank() == from) {
        links_->all->send(piece.cpu(), to);
        continue;
      }
      const at::Tensor got = piece.is_cpu() ? piece : at::empty(piece.sizes(), piece.options().device(at::kCPU));
      links_->all->receive(got, from);
      if (!got.is_same(piece)) piece.copy_(got);
    }
  });
}

bool World::any(bool said) const {
  if (is_alone()) return said;
  const at::Tensor count = at::full({1}, said ? 1 : 0, at::kLong);
  all_reduce(count);
  return count.item<int64_t>() > 0;
}

double World::from_first(double value) const {
  if (is_alone()) return value;
  const at::Tensor word = at::full({1}, value, at::kDouble);
  broadcast(word);
  return word.item<double>();
}

void World::training_begins() const {
  if (links_) links_->watch->training_begins();
}

bool World::report(ExitCode code, const std::string& message) const {
  if (is_alone() || !links_->watch) return false;
  try {
    return links_->watch->report(links_->meeting, code, message);
  } catch (const std::exception&) {
    return false;  // nobody is left to hear of it
  }
}

void World::leave() {
  if (is_alone()) return;
  barrier();
  links_->replicas.reset();
  links_->experts.reset();
  links_->all.reset();
  links_->watch.reset();
  // Whoever keeps the words goes last.
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  try {
    links_->meeting.add("left", 1);
    while (is_first() && links_->meeting.add("left", 0) < size() && std::chrono::steady_clock::now() < until) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  } catch (const std::exception&) {
    // It has gone, and nothing was left to say.
  }
  links_.reset();
  place_ = {};
}

void World::guarded(const std::function<void()>& collective) const {
  try {
    collective();
  } catch (const Error&) {
    throw;
  } catch (const std::exception& problem) {
    links_->watch->connection_broke();
    throw Error(ExitCode::kHang, got_want("a connection to another rank", what_happened(problem), "one that holds",
                                          "look at the network; the same command resumes"));
  }
}

}  // namespace mm
