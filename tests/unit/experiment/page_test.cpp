// One page from the files of several runs.
#include "experiment/result/page.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "core/files/files.h"
#include "core/text.h"
#include "tests/unit/core/temp_folder.h"

namespace mm {
namespace {

/// A finished run of two steps and a validation, with experts or without.
void write_run(const std::string& folder, double loss, bool experts) {
  const std::string load = experts ? R"(,"expert_tokens":[[3,1],[2,2]])" : "";
  write_file_atomic(
      folder + "/metrics.jsonl",
      format(R"({"type":"step","step":1,"tokens":64,"tokens_total":64,"loss":%.1f%s})", loss + 1, load.c_str()) + "\n" +
          format(R"({"type":"step","step":2,"tokens":64,"tokens_total":128,"loss":%.1f%s})", loss, load.c_str()) +
          "\n" + format(R"({"type":"evaluation","step":2,"loss":%.1f,"bits_per_byte":1})", loss) + "\n");
  write_file_atomic(folder + "/timing.jsonl", R"({"type":"step","step":1,"seconds":1,"tokens_per_second":64}
{"type":"step","step":2,"seconds":1,"tokens_per_second":64}
)");
  std::filesystem::create_directories(folder + "/checkpoints/step_00000002");
}

TEST(ExperimentPage, DrawsMeanCurvesWithBandsAndTheExpertsOfEachVariant) {
  const TempFolder folder;
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  RunPlan plan;
  plan.file.name = "trial";
  plan.file.about = "Is 1 < 2?";
  plan.file.seeds = {1, 2};
  plan.file.compare_to = "dense";
  std::vector<VariantResults> results;
  for (const char* name : {"dense", "moe"}) {
    PlannedVariant& variant = plan.variants.emplace_back();
    variant.name = name;
    variant.steps = 2;
    results.push_back({name, {}, 2, {}});
  }
  for (const int64_t seed : plan.file.seeds) {
    for (size_t i = 0; i < 2; ++i) {
      const std::string label = plan.variants[i].name + "/seed_" + std::to_string(seed);
      plan.runs.push_back({i, seed, "trial/" + label, label});
      write_run(plan.runs.back().folder(), static_cast<double>(seed + 3), /*experts=*/i == 1);
      results[i].runs.push_back(read_run_result(plan.runs.back().folder(), 2));
    }
  }
  const std::string page = experiment_page(plan, results, compare(results, "dense"));
  std::filesystem::current_path(before);

  const auto count = [&](const std::string& part) {
    size_t found = 0;
    for (size_t at = page.find(part); at != std::string::npos; at = page.find(part, at + 1)) ++found;
    return found;
  };
  EXPECT_EQ(count("<p>Is 1 &lt; 2?</p>"), 1u);
  EXPECT_EQ(count("<b>Loss</b>"), 1u);
  EXPECT_EQ(count("<b>Busiest expert of the worst layer</b>"), 1u);
  EXPECT_EQ(count("class=\"load\""), 1u);  // dense has no experts
  EXPECT_EQ(count("<p class=\"soft\">output/trial/moe/seed_1</p>"), 1u);
  EXPECT_GT(count("class=\"band c0\""), 0u);  // the seeds differ
}

}  // namespace
}  // namespace mm
