// The fuzz targets without a fuzzer: seeds, inputs that were findings once, and some thousand changed seeds.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/fuzz/target.h"

namespace mm {
namespace {

bool run(const FuzzTarget& target, const std::string& input) {
  return target.run(std::as_bytes(std::span(input)));
}

std::string bytes_of_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class FuzzTargets : public testing::TestWithParam<FuzzTarget> {};

TEST_P(FuzzTargets, ReadMostOfTheirSeeds) {
  const std::vector<std::string> seeds = GetParam().seeds();
  size_t read = 0;
  for (const std::string& seed : seeds) read += run(GetParam(), seed) ? 1 : 0;
  EXPECT_GT(2 * read, seeds.size()) << "fuzzing would not get behind the first check";
}

TEST_P(FuzzTargets, HaveNoFindingAgain) {
  const std::filesystem::path folder = std::filesystem::path(MM_REGRESSIONS) / GetParam().name;
  if (!std::filesystem::exists(folder)) return;
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    EXPECT_NO_THROW(run(GetParam(), bytes_of_file(file))) << file;
  }
}

TEST_P(FuzzTargets, ReadOrRefuseChangedSeeds) {
  constexpr size_t kMostBytes = 4096;
  constexpr int kChanges = 100;  // of each seed, one upon the other
  std::minstd_rand random(1);
  const MutateBytes mutate_bytes = [&](std::string text, size_t most_bytes) {
    text.insert(random() % (text.size() + 1), 1, static_cast<char>(random()));
    text[random() % text.size()] = static_cast<char>(random());
    if (random() % 2 == 0) text.erase(random() % text.size(), random() % 4);
    text.resize(std::min(text.size(), most_bytes));
    return text;
  };
  for (std::string input : GetParam().seeds()) {
    for (int change = 0; change < kChanges; ++change) {
      std::string changed = GetParam().mutate(input, kMostBytes, random, mutate_bytes);
      ASSERT_LE(changed.size(), kMostBytes);
      if (run(GetParam(), changed)) input = std::move(changed);
    }
  }
}

std::string name_of(const testing::TestParamInfo<FuzzTarget>& target) {
  return target.param.name;
}

INSTANTIATE_TEST_SUITE_P(All, FuzzTargets, testing::ValuesIn(fuzz_targets()), name_of);

}  // namespace
}  // namespace mm
