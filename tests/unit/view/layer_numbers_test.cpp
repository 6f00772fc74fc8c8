// A model that begins with dense layers has routers from its fourth layer on: whatever is told of them names them 3 and
// 4, in files, on the terminal, in TensorBoard and on the page, and files that say nothing of it count from 0.
#include <gtest/gtest.h>

#include <filesystem>

#include "core/files/files.h"
#include "metrics/alarms/alarm_watch.h"
#include "metrics/domains/domain_report.h"
#include "metrics/jsonl_sink.h"
#include "tests/support/captured_output.h"
#include "tests/unit/core/temp_folder.h"
#include "view/console_sink.h"
#include "view/domain_table.h"
#include "view/expert_panel.h"
#include "view/history/record_reader.h"
#include "view/history/run_follower.h"
#include "view/report/report_page.h"
#include "view/tensorboard/tensorboard_sink.h"

namespace mm {
namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// Expert 1 of layer 4 gets nothing.
StepRecord step_record(int64_t first_layer) {
  StepRecord record;
  record.step = record.total_steps = 1;
  record.tokens = 1000;
  record.loss = 2;
  record.seconds = 0.5;
  record.load = {2, 4, {250, 250, 250, 250, 350, 0, 330, 320}, first_layer};
  record.router.token_entropy = record.router.logit_size = {0.5, 0.25};
  return record;
}

RouterRecord router_record(int64_t first_layer) {
  RouterRecord record;
  record.step = 1;
  record.layers = record.experts = 2;
  record.first_layer = first_layer;
  record.gate_gradient_lm = record.gate_gradient_aux = record.gate_gradient_relative = {0.1, 0.1};
  record.closest_cosine = {0.5, 0.5};
  record.closest_experts = {0, 1, 0, 1};
  return record;
}

/// One token, which expert 0 of layer 3 and expert 1 of layer 4 worked on.
SampleRecord sample_record(int64_t first_layer) {
  TokenRoute route{.experts_per_layer = 2, .slots = 1, .experts = {0, 1}, .weights = {1, 1}};
  route.first_layer = first_layer;
  return {.step = 1, .prompt = "a", .text = "", .pieces = {{"a", route}}};
}

DomainsRecord domains_record(int64_t first_layer) {
  return {.step = 1,
          .domains = {"law", "verse"},
          .losses = {2, 3},
          .tokens = {100, 100},
          .layers = 2,
          .experts = 2,
          .first_layer = first_layer,
          .expert_tokens = {80, 20, 20, 80, 70, 30, 30, 70},
          .typical = {}};
}

DomainReport domain_report(int64_t first_layer) {
  DomainReport report;
  report.weights = report.text = "x";
  report.domains.resize(2);
  report.domains[0].name = "law";
  report.domains[1].name = "verse";
  report.domain_entropy = 0.7;
  LayerDomains layer;
  layer.expert_tokens = {2, {6, 4, 4, 6}};
  layer.typical = {{}, {}};
  report.layers = {layer, layer};
  report.first_layer = first_layer;
  return report;
}

/// Writes a run of one step to the folder, and to TensorBoard; what stands is told of as a trainer does it.
void write_run(const std::string& folder, int64_t first_layer) {
  JsonlSink jsonl(folder, 0);
  const MetricsConfig every_step = {.log_every = 0, .experts_every = 1};
  TensorboardSink tensorboard(every_step, folder, 0);
  AlarmConfig alarms;
  alarms.patience = 1;
  AlarmWatch watch(alarms, /*top_k=*/1, /*vocab_size=*/100);
  StepRecord step = step_record(first_layer);
  const std::vector<EventRecord> events = watch.observe(step);
  step.verdict = watch.verdict();
  for (MetricSink* sink : std::initializer_list<MetricSink*>{&jsonl, &tensorboard}) {
    sink->write(step);
    sink->write_events(events);
    sink->write_router(router_record(first_layer));
    sink->write_domains(domains_record(first_layer));
    sink->write(sample_record(first_layer));
  }
  write_file_atomic(folder + "/domains.json", domain_report_json(domain_report(first_layer)));
}

std::string file(const std::string& path) {
  return read_file(path, ExitCode::kData);
}

std::string events_of_tensorboard(const std::string& folder) {
  std::string bytes;
  for (const auto& entry : std::filesystem::directory_iterator(folder + "/tensorboard")) {
    bytes += file(entry.path().string());
  }
  return bytes;
}

std::string console_says(const std::string& folder) {
  return output_to_pipe([&] {
    const MetricsConfig config = {.log_every = 1, .experts_every = 1};
    ConsoleSink sink(config);
    RunFollower(folder).tell(sink);
  });
}

TEST(LayerNumbers, AreThoseOfTheModelInFilesAndInWhatIsMadeOfThem) {
  const TempFolder folder;
  write_run(folder.path(), 3);
  const std::string metrics = file(folder / "metrics.jsonl");
  for (const char* type : {"step", "router", "domains", "sample"}) {
    const size_t begin = metrics.find(std::string("{\"type\":\"") + type + '"');
    ASSERT_NE(begin, std::string::npos) << type;
    const std::string line = metrics.substr(begin, metrics.find('\n', begin) - begin);
    EXPECT_TRUE(contains(line, "\"first_moe_layer\":3")) << line;
  }
  EXPECT_TRUE(contains(metrics, "\"layer\":4,\"expert\":1")) << metrics;
  EXPECT_TRUE(contains(metrics, "\"text\":\"layer 4: expert 1 got")) << metrics;
  EXPECT_TRUE(contains(metrics, "\"verdict\":\"layer 4 expert 1 dead\"")) << metrics;
  EXPECT_TRUE(contains(file(folder / "domains.json"), "\"first_moe_layer\":3"));

  const std::string events = events_of_tensorboard(folder.path());
  for (const char* tag : {"router/layer_3/token_entropy", "router/layer_4/gate_gradient_lm", "experts/layer_3/shares",
                          "experts/layer_4/share_1"}) {
    EXPECT_TRUE(contains(events, tag)) << tag;
  }
  EXPECT_FALSE(contains(events, "layer_0/") || contains(events, "layer_1/"));

  // Beside the run, from its files alone.
  const std::string console = console_says(folder.path());
  EXPECT_TRUE(contains(console, "\n    3 |") && contains(console, "\n    4 |")) << console;
  EXPECT_FALSE(contains(console, "\n    0 |")) << console;

  write_report({folder.path()}, folder / "report.html");
  const std::string page = file(folder / "report.html");
  EXPECT_TRUE(contains(page, "{\"firstLayer\":3,\"layers\":2,"));
  EXPECT_TRUE(contains(page, "layer 4: expert 1 got"));
  EXPECT_TRUE(contains(page, "data-first=\"3\""));
  EXPECT_TRUE(contains(page, "min=\"3\" max=\"4\" value=\"4\"><output>layer 4</output>"));
  EXPECT_TRUE(contains(page, "<summary>layer 3</summary>") && contains(page, "Layer 4</b>"));
  EXPECT_FALSE(contains(page, "layer 0") || contains(page, "layer 1<"));
}

TEST(LayerNumbers, AreThoseOfTheModelInThePanelAndTheTableOfDomains) {
  ExpertPanel panel;
  panel.add(step_record(3));
  panel.add(sample_record(3));
  const std::string drawn = panel.draw({}, {{}, TerminalColours::k256, false});
  EXPECT_TRUE(contains(drawn, "\n 3 ") && contains(drawn, "\n 4 ")) << drawn;
  EXPECT_TRUE(contains(drawn, "sample, layer 4: \x1b")) << drawn;
  const std::string table = domain_expert_table(domain_report(3));
  EXPECT_TRUE(contains(table, "\nlayer 3\n") && contains(table, "\nlayer 4\n")) << table;
}

TEST(LayerNumbers, CountFromZeroWhereAllLayersAreRoutedAndNoFileSaysSo) {
  const TempFolder folder;
  write_run(folder.path(), 0);
  EXPECT_FALSE(contains(file(folder / "metrics.jsonl"), "first_moe_layer"));
  EXPECT_FALSE(contains(file(folder / "domains.json"), "first_moe_layer"));
  EXPECT_TRUE(contains(file(folder / "metrics.jsonl"), "\"text\":\"layer 1: expert 1 got"));
  EXPECT_TRUE(contains(console_says(folder.path()), "\n    0 |"));
  write_report({folder.path()}, folder / "report.html");
  EXPECT_TRUE(contains(file(folder / "report.html"), "min=\"0\" max=\"1\" value=\"1\"><output>layer 1</output>"));
}

TEST(LayerNumbers, WhatIsNoNumberOfALayerIsTakenForZero) {
  for (const char* told : {"-1", "9223372036854775807", "\"3\"", "1.5", "null"}) {
    const std::string line = std::string("{\"type\":\"sample\",\"step\":1,\"prompt\":\"a\",\"text\":\"\",") +
                             "\"routed_experts\":2,\"slots\":1,\"first_moe_layer\":" + told +
                             ",\"pieces\":[\"a\"],\"piece_experts\":[[1]],\"piece_weights\":[[1]]}";
    const SampleRecord sample = read_sample(line);
    ASSERT_EQ(sample.pieces.size(), 1u) << told;
    EXPECT_EQ(sample.pieces[0].route.main_expert(0), 1) << told;
  }
}

}  // namespace
}  // namespace mm
