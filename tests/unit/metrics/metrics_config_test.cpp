// The `metrics` section as a user writes it.
#include "metrics/metrics_config.h"

#include <gtest/gtest.h>

#include "core/config/config.h"

namespace mm {
namespace {

TEST(MetricsConfig, RefusesANegativePeriod) {
  MetricsConfig config;
  Problems problems;
  read_config(
      "", {"log_every=0", "experts_every=-1"}, [&](Fields& fields) { config.visit(fields); }, problems);
  EXPECT_EQ(config.log_every, 0);
  ASSERT_EQ(problems.messages().size(), 1u);
  EXPECT_NE(problems.messages()[0].find("experts_every"), std::string::npos);
}

}  // namespace
}  // namespace mm
