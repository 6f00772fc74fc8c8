// Worlds of several processes: this program starts itself again, once for each rank, with a test of DISABLED_Member
// that says what a rank does. A rank whose expectations fail ends with 1.
#include "distributed/world.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <iostream>
#include <thread>

#include "core/alive.h"
#include "core/text.h"

namespace mm {
namespace {

int free_port() {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  auto* name = reinterpret_cast<sockaddr*>(&address);
  EXPECT_EQ(::bind(socket, name, length), 0);
  EXPECT_EQ(::getsockname(socket, name, &length), 0);
  ::close(socket);
  return ntohs(address.sin_port);
}

/// The processes of a world, each at the same test of DISABLED_Member.
class Ranks {
 public:
  Ranks(const std::string& member, int size) {
    const int port = free_port();
    for (int rank = 0; rank < size; ++rank) start(member, rank, size, port);
  }
  ~Ranks() {
    for (const pid_t process : processes_) ::kill(process, SIGKILL);
    for (const pid_t process : processes_) ::waitpid(process, nullptr, 0);
  }
  Ranks(const Ranks&) = delete;
  Ranks& operator=(const Ranks&) = delete;

  void send(size_t rank, int signal) { ::kill(processes_.at(rank), signal); }

  /// Exit codes by rank, minus the signal's number where one ended it.
  std::vector<int> codes() {
    std::vector<int> codes;
    for (const pid_t process : processes_) {
      int status = 0;
      ::waitpid(process, &status, 0);
      codes.push_back(WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
    }
    processes_.clear();
    return codes;
  }

 private:
  void start(const std::string& member, int rank, int size, int port) {
    std::vector<std::string> words = {"distributed_test", "--gtest_filter=DISABLED_Member." + member,
                                      "--gtest_also_run_disabled_tests", "--gtest_brief=1"};
    std::vector<std::string> variables = {"RANK=" + std::to_string(rank), "WORLD_SIZE=" + std::to_string(size),
                                          "MASTER_ADDR=127.0.0.1", "MASTER_PORT=" + std::to_string(port),
                                          "OMP_NUM_THREADS=1"};
    const auto pointers = [](std::vector<std::string>& strings) {
      std::vector<char*> all;
      for (std::string& string : strings) all.push_back(string.data());
      all.push_back(nullptr);
      return all;
    };
    pid_t process = -1;
    ASSERT_EQ(
        ::posix_spawn(&process, "/proc/self/exe", nullptr, nullptr, pointers(words).data(), pointers(variables).data()),
        0);
    processes_.push_back(process);
  }

  std::vector<pid_t> processes_;
};

std::vector<int> codes_of(const std::string& member, int size) {
  return Ranks(member, size).codes();
}

at::Tensor numbers(int64_t elements, int64_t rank) {
  return at::arange(elements, at::kFloat) * 1e-3 + static_cast<double>(rank) / 3;
}

/// In the order of the ranks.
at::Tensor sum_of_numbers(int64_t elements, int64_t size) {
  at::Tensor sum = numbers(elements, 0);
  for (int64_t rank = 1; rank < size; ++rank) sum.add_(numbers(elements, rank));
  return sum;
}

/// A rank that ends with this code when the others fail it.
template <class Work>
void in_world(int64_t timeout_seconds, const Work& work) {
  World world(placement_of_this_process(), {.timeout_seconds = timeout_seconds});
  try {
    world.connect(at::kCPU);
    work(world);
    world.leave();
  } catch (const Error& error) {
    if (!world.report(error.code(), error.what())) std::cerr << error.what() << std::endl;
    _exit(static_cast<int>(error.code()));
  }
}

TEST(DISABLED_Member, SumsBuffersOfManySizes) {
  in_world(60, [](const World& world) {
    for (const int64_t elements : {1, 2, 3, 7, 1000, 9'000'001}) {
      const at::Tensor flat = numbers(elements, world.rank());
      world.all_reduce(flat);
      EXPECT_TRUE(at::equal(flat, sum_of_numbers(elements, world.size()))) << elements;
    }
  });
}

TEST(DISABLED_Member, SumsItsOwnPartAndCollectsTheOthers) {
  in_world(60, [](const World& world) {
    const int64_t elements = 11;
    const at::Tensor flat = numbers(elements, world.rank()), sum = sum_of_numbers(elements, world.size());
    world.reduce_scatter(flat);
    const Shard own = world.shard(elements);
    EXPECT_TRUE(at::equal(flat.narrow(0, own.begin, own.size()), sum.narrow(0, own.begin, own.size())));
    world.all_gather(flat);
    EXPECT_TRUE(at::equal(flat, sum));
  });
}

TEST(DISABLED_Member, HearsRankZeroAndAllTheOthers) {
  in_world(60, [](const World& world) {
    const at::Tensor told = at::full({3, 2}, world.rank(), at::kLong);
    world.broadcast(told);
    EXPECT_TRUE(at::equal(told, at::full({3, 2}, 0, at::kLong)));
    const std::vector<std::string> texts = world.gather("rank " + std::to_string(world.rank()));
    EXPECT_EQ(std::ssize(texts), world.size());
    for (size_t rank = 0; rank < texts.size(); ++rank) EXPECT_EQ(texts[rank], "rank " + std::to_string(rank));
    EXPECT_EQ(world.from_first(world.is_first() ? "word" : "other"), "word");
    EXPECT_TRUE(world.any(world.rank() == world.size() - 1));
    EXPECT_FALSE(world.any(false));
    EXPECT_EQ(world.from_first(world.is_first() ? 1.0 / 3 : 7), 1.0 / 3);
  });
}

TEST(DISABLED_Member, FailsInRankOne) {
  in_world(60, [](const World& world) {
    if (world.rank() == 1) throw Error(ExitCode::kData, "text: got nothing, want some");
    for (;;) world.barrier();
  });
}

TEST(DISABLED_Member, SumsForEver) {
  in_world(3, [](const World& world) {
    world.training_begins();
    for (;;) {
      still_going();
      world.all_reduce(numbers(1000, world.rank()));
    }
  });
}

TEST(DISABLED_Member, IsStuckInRankZero) {
  in_world(2, [](const World& world) {
    if (world.is_first()) std::this_thread::sleep_for(std::chrono::hours(1));
    world.all_reduce(numbers(10, world.rank()));
  });
}

TEST(World, TwoAndFourProcessesSumInTheOrderOfTheRanks) {
  EXPECT_EQ(codes_of("SumsBuffersOfManySizes", 2), std::vector<int>(2, 0));
  EXPECT_EQ(codes_of("SumsBuffersOfManySizes", 4), std::vector<int>(4, 0));
}

TEST(World, APartOfASumAndItsCollectionAreTheSum) {
  EXPECT_EQ(codes_of("SumsItsOwnPartAndCollectsTheOthers", 2), std::vector<int>(2, 0));
  EXPECT_EQ(codes_of("SumsItsOwnPartAndCollectsTheOthers", 4), std::vector<int>(4, 0));
}

TEST(World, WordsReachAllRanks) {
  EXPECT_EQ(codes_of("HearsRankZeroAndAllTheOthers", 2), std::vector<int>(2, 0));
  EXPECT_EQ(codes_of("HearsRankZeroAndAllTheOthers", 4), std::vector<int>(4, 0));
}

TEST(World, AllEndWithTheCodeOfTheRankThatFailed) {
  EXPECT_EQ(codes_of("FailsInRankOne", 3), std::vector<int>(3, static_cast<int>(ExitCode::kData)));
}

TEST(World, ARankThatIsKilledIsNoticed) {
  Ranks ranks("SumsForEver", 3);
  std::this_thread::sleep_for(std::chrono::seconds(2));
  ranks.send(2, SIGKILL);
  EXPECT_EQ(ranks.codes(), (std::vector<int>{9, 9, -SIGKILL}));
}

TEST(World, ARankZeroThatIsKilledIsNoticed) {
  Ranks ranks("SumsForEver", 2);
  std::this_thread::sleep_for(std::chrono::seconds(2));
  ranks.send(0, SIGKILL);
  EXPECT_EQ(ranks.codes(), (std::vector<int>{-SIGKILL, 9}));
}

TEST(World, ARankThatIsStoppedIsNoticed) {
  Ranks ranks("SumsForEver", 2);
  std::this_thread::sleep_for(std::chrono::seconds(2));
  ranks.send(1, SIGSTOP);
  std::this_thread::sleep_for(std::chrono::seconds(5));
  ranks.send(1, SIGCONT);
  EXPECT_EQ(ranks.codes(), (std::vector<int>{9, 9}));
}

TEST(World, ARankThatDoesNotGetOnIsNoticedThoughItLives) {
  EXPECT_EQ(codes_of("IsStuckInRankZero", 2), (std::vector<int>{9, 9}));
}

TEST(World, OneProcessIsAWorldWithoutConnections) {
  World world;
  world.connect(at::kCPU);
  const at::Tensor flat = numbers(5, 0);
  world.all_reduce(flat);
  world.broadcast(flat);
  EXPECT_TRUE(at::equal(flat, numbers(5, 0)));
  EXPECT_EQ(world.gather("a"), std::vector<std::string>{"a"});
  EXPECT_EQ(world.from_first("a"), "a");
  EXPECT_EQ(world.from_first(1.5), 1.5);
  EXPECT_TRUE(world.any(true));
  EXPECT_EQ(world.shard(7).size(), 7);
  EXPECT_FALSE(world.report(ExitCode::kData, "nobody hears it"));
  world.leave();
}

}  // namespace
}  // namespace mm
