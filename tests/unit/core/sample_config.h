// A config with every kind of setting.
#pragma once

#include "core/config/config.h"

struct SampleConfig {
  struct Run {
    std::string name = "sample";
    int64_t seed = 42;
    bool operator==(const Run&) const = default;
    void visit(mm::Fields& fields) {
      fields("name", name, "of the run");
      fields("seed", seed, "of every random stream", {.min = 0});
    }
  } run;

  struct Data {
    std::vector<mm::LabelledPath> train;
    std::vector<mm::LabelledPath> validation;
    bool operator==(const Data&) const = default;
    void visit(mm::Fields& fields) {
      fields("train", train, "JSONL files");
      fields("validation", validation, "JSONL files");
    }
  } data;

  struct Model {
    std::string type = "dense";
    int64_t hidden_size = 512;
    double dropout = 0.1;
    bool tie = true;
    std::optional<int64_t> width;
    bool operator==(const Model&) const = default;
    void visit(mm::Fields& fields) {
      fields("type", type, "kind of feed-forward",
             {.choices = {"dense", "moe"}, .switch_alias = mm::SwitchAlias{"use_moe", "moe", "dense"}});
      fields("hidden_size", hidden_size, "width of the residual stream",
             {.min = 64, .max = 16384, .unit = "features", .aliases = {"dim"}});
      fields("dropout", dropout, "share of zeroed features", {.min = 0, .max = 0.9});
      fields("tie", tie, "one matrix for embedding and head");
      fields("width", width, "of the feed-forward; null derives it", {.min = 1, .unit = "features"});
    }
  } model;

  std::vector<std::string> log = {"console"};

  bool operator==(const SampleConfig&) const = default;
  void visit(mm::Fields& fields) {
    fields.section("run", run, "what this run is");
    fields.section("data", data, "text in");
    fields.section("model", model, "the language model");
    fields("log", log, "where records go", {.choices = {"console", "jsonl"}});
  }
};

inline mm::VisitFields visitor_of(SampleConfig& config) {
  return [&config](mm::Fields& fields) { config.visit(fields); };
}
