// The resolved config, --describe and the difference between two runs.
#include <gtest/gtest.h>

#include "core/config/config.h"
#include "core/files/files.h"
#include "sample_config.h"
#include "temp_folder.h"
#include "thrown.h"

namespace {

TEST(WrittenConfig, HasEveryKeyInTheOrderOfTheFields) {
  SampleConfig config;
  config.data.train = {{"a.jsonl", "poems"}, {"b.jsonl", ""}};
  config.model.dropout = 3e-4;
  EXPECT_EQ(mm::write_config(visitor_of(config)), R"({
  "run": {
    "name": "sample",
    "seed": 42
  },
  "data": {
    "train": [
      {
        "path": "a.jsonl",
        "domain": "poems"
      },
      "b.jsonl"
    ],
    "validation": []
  },
  "model": {
    "type": "dense",
    "hidden_size": 512,
    "dropout": 0.0003,
    "tie": true,
    "width": null
  },
  "log": [
    "console"
  ]
}
)");
}

TEST(WrittenConfig, ReadsBackToTheSameValuesAndBytes) {
  SampleConfig config;
  config.run = {"\"诗\"\n\\", 9007199254740993};
  config.data.train = {{"a b.jsonl", "poems"}};
  config.model = {"moe", 64, 0.1 + 0.2, false, 7};
  config.log = {};
  const std::string written = mm::write_config(visitor_of(config));

  const TempFolder folder;
  mm::write_file_atomic(folder / "config.json", written);
  SampleConfig again;
  mm::Problems problems;
  mm::read_config(folder / "config.json", {}, visitor_of(again), problems);
  EXPECT_EQ(problems.messages(), std::vector<std::string>{});
  EXPECT_EQ(again, config);
  EXPECT_EQ(mm::write_config(visitor_of(again)), written);
}

TEST(DescribedConfig, ListsEveryKeyAligned) {
  SampleConfig config;
  EXPECT_EQ(mm::describe_config(visitor_of(config)), R"(run: what this run is
  run.name           a string                                    "sample"     of the run
  run.seed           an integer of at least 0                    42           of every random stream

data: text in
  data.train         a list of paths                             []           JSONL files
  data.validation    a list of paths                             []           JSONL files

model: the language model
  model.type         one of "dense", "moe"                       "dense"      kind of feed-forward (also use_moe)
  model.hidden_size  an integer in [64, 16384] features          512          width of the residual stream (also dim)
  model.dropout      a number in [0, 0.9]                        0.1          share of zeroed features
  model.tie          true or false                               true         one matrix for embedding and head
  model.width        an integer of at least 1 features, or null  null         of the feed-forward; null derives it

top level
  log                a list, each one of "console", "jsonl"      ["console"]  where records go
)");
}

TEST(ConfigKeys, AreAllSettingsInTheirOrder) {
  SampleConfig config;
  config.data.train = {{"a.jsonl", "a"}};
  EXPECT_EQ(mm::config_keys(visitor_of(config)),
            (std::vector<std::string>{"run.name", "run.seed", "data.train", "data.validation", "model.type",
                                      "model.hidden_size", "model.dropout", "model.tie", "model.width", "log"}));
}

TEST(ConfigDifference, NamesEachChangedKey) {
  SampleConfig before, after;
  after.run.seed = 43;
  after.data.train = {{"a", ""}};
  after.model.width = 5;
  EXPECT_EQ(mm::diff_config(mm::write_config(visitor_of(before)), mm::write_config(visitor_of(after))),
            (std::vector<std::string>{"run.seed: 42 -> 43", "data.train: [] -> [\"a\"]", "model.width: null -> 5"}));
  EXPECT_TRUE(mm::diff_config(mm::write_config(visitor_of(after)), mm::write_config(visitor_of(after))).empty());
}

TEST(ConfigDifference, TellsKeysThatOnlyOneVersionKnows) {
  EXPECT_EQ(mm::diff_config(R"({"a": {"old": 1, "b": 2}})", R"({"a": {"b": 2, "new": "x"}})"),
            (std::vector<std::string>{"a.new: none -> \"x\"", "a.old: 1 -> none"}));
}

TEST(ConfigDifference, DamagedConfigIsAnError) {
  EXPECT_EQ(thrown_by([] { mm::diff_config("{", "{}"); }).code, mm::ExitCode::kConfig);
}

}  // namespace
