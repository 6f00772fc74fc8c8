// The `checkpoint` section as a user writes it.
#include "checkpoint/store/checkpoint_config.h"

#include <gtest/gtest.h>

#include "core/config/config.h"

namespace mm {
namespace {

TEST(CheckpointConfig, KeepsAtLeastOneAndMayWriteOnlyAtTheEnd) {
  CheckpointConfig config;
  Problems problems;
  read_config(
      "", {"every=0", "keep=0"}, [&](Fields& fields) { config.visit(fields); }, problems);
  EXPECT_EQ(config.every, 0);
  ASSERT_EQ(problems.messages().size(), 1u);
  EXPECT_NE(problems.messages()[0].find("keep"), std::string::npos);
}

}  // namespace
}  // namespace mm
