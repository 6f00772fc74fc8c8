// What JsonlSink writes of samples and domains comes back, and damage does no harm.
#include "view/history/record_reader.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "core/files/files.h"
#include "metrics/jsonl_sink.h"
#include "tests/unit/core/temp_folder.h"
#include "view/report/sections/domains_over_time.h"
#include "view/report/sections/sample_section.h"

namespace mm {
namespace {

SampleRecord sample() {
  const TokenRoute route{
      .experts_per_layer = 8, .slots = 2, .experts = {3, 1, 7, 0}, .weights = {0.75, 0.25, 0.5, 0.5}};
  return {.step = 4, .prompt = "ri", .text = "ver<", .pieces = {{"ri", route}, {"ver<", route}}};
}

DomainsRecord domains(int64_t step = 4) {
  return {.step = step,
          .domains = {"law", "<verse>"},
          .losses = {2.5, 3.5},
          .tokens = {100, 50},
          .layers = 1,
          .experts = 2,
          .expert_tokens = {80, 20, 10, 40},
          .typical = {{"the", "of"}, {"</td>"}}};
}

template <class Tell>
std::string line_of(const Tell& tell) {
  const TempFolder folder;
  JsonlSink sink(folder.path(), 0);
  tell(sink);
  return read_file(folder / "metrics.jsonl", ExitCode::kInternal);
}

TEST(RecordReader, ReadsASampleWithTheExpertsOfEveryToken) {
  const SampleRecord read = read_sample(line_of([](JsonlSink& sink) { sink.write(sample()); }));
  EXPECT_EQ(read.text, "ver<");
  ASSERT_EQ(read.pieces.size(), 2u);
  EXPECT_EQ(read.pieces[1].text, "ver<");
  EXPECT_EQ(read.pieces[1].route.experts, sample().pieces[1].route.experts);
  EXPECT_EQ(read.pieces[1].route.weights, sample().pieces[1].route.weights);
  EXPECT_EQ(read.pieces[1].route.main_expert(1), 7);
  EXPECT_EQ(read.pieces[1].route.main_expert(2), -1);
}

TEST(RecordReader, ReadsWhoDoesWhat) {
  const DomainsRecord read = read_domains(line_of([](JsonlSink& sink) { sink.write_domains(domains()); }));
  EXPECT_EQ(read.domains, domains().domains);
  EXPECT_EQ(read.losses, domains().losses);
  EXPECT_EQ(read.tokens, domains().tokens);
  EXPECT_EQ(read.layers, 1);
  EXPECT_EQ(read.expert_tokens, domains().expert_tokens);
  EXPECT_EQ(read.typical, domains().typical);
  DomainsRecord unknown = domains();
  unknown.losses[1] = NAN;
  EXPECT_TRUE(std::isnan(read_domains(line_of([&](JsonlSink& sink) { sink.write_domains(unknown); })).losses[1]));
}

TEST(RecordReader, OfDamagedLinesItTellsWhatFitsTogether) {
  std::mt19937_64 dice(1);
  const std::string lines[] = {line_of([](JsonlSink& sink) { sink.write(sample()); }),
                               line_of([](JsonlSink& sink) { sink.write_domains(domains()); })};
  for (int i = 0; i < 4000; ++i) {
    std::string line = lines[i % 2];
    for (int change = 0; change < 3; ++change) {
      const size_t at = dice() % line.size();
      const std::string_view put =
          std::vector<std::string_view>{"9", "-1", "[", "]", "\"", "null", ",", "1e9", ""}[dice() % 9];
      line.replace(at, dice() % 4, put);
    }
    RunHistory run("run", {});
    run.steps = 9;
    run.samples.push_back(read_sample(line));
    for (const RoutedPiece& piece : run.samples[0].pieces) {
      for (const int32_t expert : piece.route.experts) EXPECT_LT(expert, piece.route.experts_per_layer);
    }
    run.add_domains(read_domains(line));
    for (const DomainsRecord& record : run.domains_over_time) {
      EXPECT_EQ(std::ssize(record.expert_tokens), record.layers * record.experts * std::ssize(record.domains));
    }
    samples_over_time(run);
    domains_over_time(run, 0);
  }
}

TEST(DomainsOverTime, TellOfEachExpertWhatItPrefersAndWhatItIsTypicalOf) {
  RunHistory run("run", {});
  run.steps = 200;
  for (int64_t step = 1; step <= 100; ++step) run.add_domains(domains(step));
  EXPECT_LE(run.domains_over_time.size(), 24u);
  EXPECT_EQ(run.domains_over_time.back().step, 100);
  const std::string html = domains_over_time(run, 0);
  // 0.8 and 0.2 of the domains' tokens go to expert 0.
  EXPECT_NE(html.find("law 1.6</td>"), std::string::npos) << html;
  EXPECT_NE(html.find("&lt;verse&gt; 1.6</td>"), std::string::npos) << html;
  EXPECT_NE(html.find("<code>the</code>"), std::string::npos) << html;
  EXPECT_NE(html.find("Validation loss by domain"), std::string::npos) << html;
  EXPECT_EQ(html.find("<verse>"), std::string::npos) << html;
}

TEST(RoutedText, EveryTokenHasTheColourOfItsExpertAndIsNoMarkup) {
  RunHistory run("run", {});
  run.samples.push_back(sample());
  const std::string html = samples_over_time(run);
  // Expert 7 of 8 in the last layer.
  EXPECT_NE(html.find("data-route=\"3:75 1:25|7:50 0:50\">ver&lt;</span>"), std::string::npos) << html;
  EXPECT_NE(html.find("<b><span style=\"background:rgb("), std::string::npos) << html;
  EXPECT_NE(html.find("Colour by"), std::string::npos) << html;
}

}  // namespace
}  // namespace mm
