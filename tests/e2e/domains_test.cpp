// Who does what, through the programs: text by domain in; tables, JSON and a part of the report out.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "workplace.h"

namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// A run on two labelled files: the words of text.jsonl, and numbers.
class Domains : public testing::Test {
 protected:
  Domains() {
    std::string numbers;
    for (int i = 0; i < 200; ++i) {
      numbers += "{\"text\": \"" + std::to_string(i * 7919) + " + " + std::to_string(i * 104729) + "\"}\n";
    }
    workplace_.write("numbers.jsonl", numbers);
    const std::string files =
        R"(data.train=[{"path": "text.jsonl", "domain": "words"}, {"path": "numbers.jsonl", "domain": "<sums>"}])";
    const Finished program = workplace_.pretrain(train("moe", "run", {files, "optim.learning_rate=0.01"}));
    EXPECT_EQ(program.exit_code, 0) << program.err;
  }

  Finished evaluate(Words arguments) const {
    arguments.insert(arguments.begin(), {"--init", "output/run"});
    return workplace_.evaluate(arguments);
  }

  Workplace workplace_;
};

TEST_F(Domains, WhatTheRunHoldsOutGoesIntoItsReport) {
  EXPECT_FALSE(contains(workplace_.read("output/run/report.html"), "<h3>Who does what</h3>"));
  const Finished program = evaluate({"--held-out", "--report"});
  ASSERT_EQ(program.exit_code, 0) << program.err;
  EXPECT_TRUE(contains(program.out, "  words  text.jsonl\n")) << program.out;
  EXPECT_TRUE(contains(program.out, "  <sums>  numbers.jsonl\n")) << program.out;
  EXPECT_TRUE(contains(program.out, "  all of them\n")) << program.out;
  EXPECT_TRUE(contains(program.out, "\nlayer 1\n     0     1     2     3 | domain\n")) << program.out;
  EXPECT_TRUE(contains(program.out, "I(domain; expert) = ")) << program.out;
  EXPECT_TRUE(contains(program.out, "report    output/run/report.html\n")) << program.out;

  const auto json = nlohmann::json::parse(workplace_.read("output/run/domains.json"));
  ASSERT_EQ(json["domains"].size(), 2u);
  ASSERT_EQ(json["layers"].size(), 2u);
  int64_t routed = 0;
  for (const auto& domain : json["layers"][0]["expert_tokens"]) {
    for (const auto& count : domain) routed += count.get<int64_t>();
  }
  EXPECT_EQ(routed, 2 * json["all"]["tokens"].get<int64_t>());
  EXPECT_GT(json["layers"][0]["mutual_information"], json["layers"][0]["shuffled_max"]);

  const std::string page = workplace_.read("output/run/report.html");
  EXPECT_TRUE(contains(page, "<h3>Who does what</h3>"));
  EXPECT_TRUE(contains(page, "<td>&lt;sums&gt;</td>"));
  EXPECT_FALSE(contains(page, "<sums>"));
  EXPECT_TRUE(contains(page, "Most typical tokens of each expert"));
}

TEST_F(Domains, FilesHaveTheLabelsOfTheRunUnlessTheyAreGivenOthers) {
  const Finished program = evaluate({"--data", "text.jsonl", "digits=numbers.jsonl", "--max-tokens", "640"});
  ASSERT_EQ(program.exit_code, 0) << program.err;
  EXPECT_TRUE(contains(program.out, "  words  text.jsonl\n")) << program.out;
  EXPECT_TRUE(contains(program.out, "  digits  numbers.jsonl\n")) << program.out;
  EXPECT_FALSE(workplace_.exists("output/run/domains.json"));
}

TEST_F(Domains, OneDomainIsALossAlone) {
  const Finished program = evaluate({"--data", "text.jsonl", "--json", "out.json"});
  ASSERT_EQ(program.exit_code, 0) << program.err;
  EXPECT_FALSE(contains(program.out, "I(domain; expert)")) << program.out;
  EXPECT_EQ(nlohmann::json::parse(workplace_.read("out.json"))["layers"].size(), 2u);
}

TEST_F(Domains, ReportsBelongToRunsAndNeedText) {
  ASSERT_EQ(workplace_.convert({"output/run", "a.safetensors"}).exit_code, 0);
  const Finished foreign = workplace_.evaluate(
      {"--init", "a.safetensors", "--tokenizer", "tokenizer/tokenizer.json", "--data", "text.jsonl", "--report"});
  EXPECT_EQ(foreign.exit_code, 2);
  EXPECT_TRUE(contains(foreign.err, "--report: got weights that belong to no run")) << foreign.err;
  const Finished without =
      workplace_.evaluate({"--init", "output/run", "--tokens", "in.json", "--logits", "out.json", "--report"});
  EXPECT_EQ(without.exit_code, 2);
  EXPECT_TRUE(contains(without.err, "--report: got no text, want --data or --held-out")) << without.err;
}

}  // namespace
