// Worlds of several processes (ranks.h).
#include "distributed/world.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <thread>

#include "core/alive.h"
#include "core/text.h"
#include "ranks.h"

namespace mm {
namespace {

at::Tensor numbers(int64_t elements, int64_t rank) {
  return at::arange(elements, at::kFloat) * 1e-3 + static_cast<double>(rank) / 3;
}

/// In the order of the ranks.
at::Tensor sum_of_numbers(int64_t elements, int64_t size) {
  at::Tensor sum = numbers(elements, 0);
  for (int64_t rank = 1; rank < size; ++rank) sum.add_(numbers(elements, rank));
  return sum;
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
    const int64_t elements = 5000;
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

// Ranks 0 and 1 divide the experts, and so do 2 and 3; 0 and 2 have the same, and so have 1 and 3.
TEST(DISABLED_Member, IsOneOfTwoPairs) {
  in_world(
      60,
      [](const World& world) {
        EXPECT_EQ(world.index(Among::kExperts), world.rank() % 2);
        EXPECT_EQ(world.index(Among::kReplicas), world.rank() / 2);
        for (const int64_t elements : {7, 50'000}) {
          const at::Tensor flat = numbers(elements, world.rank());
          world.all_reduce(flat, Among::kReplicas);
          at::Tensor sum = numbers(elements, world.rank() % 2);
          sum.add_(numbers(elements, world.rank() % 2 + 2));
          EXPECT_TRUE(at::equal(flat, sum));
        }
        const at::Tensor told = at::full({2}, world.rank(), at::kLong);
        world.broadcast(told, Among::kExperts);
        EXPECT_TRUE(at::equal(told, at::full({2}, world.rank() / 2 * 2, at::kLong)));
      },
      2);
}

// The first of a pair sends 2 rows to the other one and keeps 1; the other sends none and keeps `kept`.
TEST(DISABLED_Member, ExchangesRowsOfUnevenNumber) {
  in_world(
      60,
      [](const World& world) {
        for (const int64_t kept : {3, 0}) {
          const bool first = world.index(Among::kExperts) == 0;
          const std::vector<int64_t> sends = first ? std::vector<int64_t>{1, 2} : std::vector<int64_t>{0, kept};
          const std::vector<int64_t> receives = first ? std::vector<int64_t>{1, 0} : std::vector<int64_t>{2, kept};
          const int64_t rows = sends[0] + sends[1];
          const at::Tensor own = numbers(rows * 4, world.rank()).view({rows, 4});
          const at::Tensor got = world.exchange(own, sends, receives, Among::kExperts);
          ASSERT_EQ(got.size(0), receives[0] + receives[1]);
          const at::Tensor of_first = numbers(12, world.rank() / 2 * 2).view({3, 4});
          const at::Tensor from_first = first ? of_first.narrow(0, 0, 1) : of_first.narrow(0, 1, 2);
          EXPECT_TRUE(at::equal(got.narrow(0, 0, receives[0]), from_first));
          if (!first) {
            EXPECT_TRUE(at::equal(got.narrow(0, 2, kept), own));
          }
          // And back, as a gradient goes.
          EXPECT_TRUE(at::equal(world.exchange(got, receives, sends, Among::kExperts), own));
        }
      },
      2);
}

TEST(DISABLED_Member, SendsItsPartToRankZeroAndGetsItBack) {
  in_world(60, [](const World& world) {
    const int64_t elements = 9'000'001;  // more than go at once
    for (int64_t rank = 0; rank < world.size(); ++rank) {
      const bool is_own = world.rank() == rank;
      const at::Tensor own = is_own ? numbers(elements, rank) : at::Tensor();
      const at::Tensor at_first = world.is_first() ? at::zeros({elements}, at::kFloat) : at::Tensor();
      world.collect(own, rank, at_first);
      if (world.is_first()) {
        EXPECT_TRUE(at::equal(at_first, numbers(elements, rank)));
      }
      const at::Tensor back = is_own ? at::zeros({elements}, at::kFloat) : at::Tensor();
      world.deliver(at_first, rank, back);
      if (is_own) {
        EXPECT_TRUE(at::equal(back, own));
      }
    }
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

TEST(World, GroupsThatDivideTheExpertsAndGroupsThatHaveTheSame) {
  EXPECT_EQ(codes_of("IsOneOfTwoPairs", 4), std::vector<int>(4, 0));
}

TEST(World, RowsGoToTheirExpertsAndBack) {
  EXPECT_EQ(codes_of("ExchangesRowsOfUnevenNumber", 2), std::vector<int>(2, 0));
  EXPECT_EQ(codes_of("ExchangesRowsOfUnevenNumber", 4), std::vector<int>(4, 0));
}

TEST(World, RankZeroCollectsPartsAndDeliversThem) {
  EXPECT_EQ(codes_of("SendsItsPartToRankZeroAndGetsItBack", 3), std::vector<int>(3, 0));
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
