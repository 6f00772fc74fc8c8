// The order of a sorted list, whatever comes when.
#include "tokenizer/bpe/merge_queue.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "core/random.h"

namespace mm {
namespace {

TEST(MergeQueue, TheLeastRankComesFirstAndOfEqualOnesTheLeastPosition) {
  MergeQueue queue(10);
  queue.resize(5);
  queue.push({7, 0});
  queue.push({3, 4});
  queue.push({3, 2});
  queue.push({3, 3});
  std::string order;
  while (const auto candidate = queue.pop()) {
    order += std::to_string(candidate->rank) + "@" + std::to_string(candidate->position) + " ";
  }
  EXPECT_EQ(order, "3@2 3@3 3@4 7@0 ");
}

TEST(MergeQueue, RandomPushesErasesAndPopsFollowASortedSet) {
  RandomStream random(1, "merge queue");
  MergeQueue queue(5);
  for (int round = 0; round < 200; ++round) {
    const uint64_t positions = 1 + random.below(60);
    queue.resize(positions);
    std::set<std::pair<uint32_t, uint32_t>> wanted;
    std::map<uint32_t, uint32_t> rank_at;
    const auto pop = [&] {
      const auto popped = queue.pop();
      ASSERT_EQ(popped.has_value(), !wanted.empty());
      if (!popped) return;
      ASSERT_EQ(std::pair(popped->rank, popped->position), *wanted.begin());
      wanted.erase(wanted.begin());
      rank_at.erase(popped->position);
    };
    for (int step = 0; step < 300; ++step) {
      const auto position = static_cast<uint32_t>(random.below(positions));
      const auto rank = static_cast<uint32_t>(random.below(5));
      if (random.below(4) == 0) {
        pop();
      } else if (const auto there = rank_at.find(position); there != rank_at.end()) {
        queue.erase(position);
        wanted.erase({there->second, position});
        rank_at.erase(there);
      } else {
        queue.push({rank, position});
        wanted.insert({rank, position});
        rank_at[position] = rank;
      }
    }
    while (!wanted.empty()) pop();
    pop();
  }
}

}  // namespace
}  // namespace mm
