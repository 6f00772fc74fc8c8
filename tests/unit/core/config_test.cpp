// Reading configs: what is accepted, and the exact words for what is not.
#include "core/config/config.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "core/files/files.h"
#include "sample_config.h"
#include "temp_folder.h"
#include "thrown.h"

namespace {

using Messages = std::vector<std::string>;

struct Result {
  SampleConfig config;
  Messages messages;
};

// Reads `json` as the file a.json in the working folder of the messages, then the overrides.
Result read(const std::string& json, const std::vector<std::string>& overrides = {}) {
  const TempFolder folder;
  const std::string path = folder / "a.json";
  mm::write_file_atomic(path, json);
  Result result;
  mm::Problems problems;
  mm::read_config(path, overrides, visitor_of(result.config), problems);
  // Messages without the folder, which is another one in every run.
  const auto shorten = [&](const Messages& long_ones) {
    Messages short_ones;
    for (std::string message : long_ones) {
      for (size_t at; (at = message.find(folder.path() + "/")) != std::string::npos;) {
        message.erase(at, folder.path().size() + 1);
      }
      short_ones.push_back(message);
    }
    return short_ones;
  };
  result.messages = shorten(problems.messages());
  return result;
}

Messages messages_of(const std::string& json) {
  return read(json).messages;
}

Messages override_messages(const std::string& text) {
  return read("{}", {text}).messages;
}

TEST(Config, EveryTypeIsRead) {
  const Result result = read(R"({
    "run": {"name": "诗", "seed": 9007199254740993},
    "data": {"train": [{"path": "a.jsonl", "domain": "poems"}, "b.jsonl"], "validation": "c.jsonl"},
    "model": {"type": "moe", "hidden_size": 640, "dropout": 0, "tie": false, "width": 12},
    "log": ["console", "jsonl"]
  })");
  EXPECT_EQ(result.messages, Messages{});
  EXPECT_EQ(result.config.run.name, "诗");
  EXPECT_EQ(result.config.run.seed, 9007199254740993);
  EXPECT_EQ(result.config.data.train, (std::vector<mm::LabelledPath>{{"a.jsonl", "poems"}, {"b.jsonl", ""}}));
  EXPECT_EQ(result.config.data.validation, (std::vector<mm::LabelledPath>{{"c.jsonl", ""}}));
  EXPECT_EQ(result.config.model.type, "moe");
  EXPECT_EQ(result.config.model.hidden_size, 640);
  EXPECT_EQ(result.config.model.dropout, 0.0);
  EXPECT_FALSE(result.config.model.tie);
  EXPECT_EQ(result.config.model.width, 12);
  EXPECT_EQ(result.config.log, (std::vector<std::string>{"console", "jsonl"}));
}

TEST(Config, AbsentKeysKeepTheirDefaults) {
  const Result result = read(R"({"model": {}})");
  EXPECT_EQ(result.messages, Messages{});
  EXPECT_EQ(result.config, SampleConfig{});
}

TEST(Config, NullMeansDeriveIt) {
  EXPECT_EQ(read(R"({"model": {"width": 12}})", {"model.width=null"}).config.model.width, std::nullopt);
}

TEST(Config, SettingWithAProblemKeepsItsValue) {
  EXPECT_EQ(read(R"({"model": {"hidden_size": 32, "width": "x"}, "data": {"train": ["a", 1]}})").config,
            SampleConfig{});
}

TEST(Config, ValueOutOfRangeNamesRangeUnitAndMeaning) {
  EXPECT_EQ(messages_of(R"({"model": {"hidden_size": 32}})"),
            Messages{"a.json:model.hidden_size: got 32, want an integer in [64, 16384] features "
                     "(hidden_size: width of the residual stream)"});
  EXPECT_EQ(messages_of(R"({"model": {"dropout": 1.5}})"),
            Messages{"a.json:model.dropout: got 1.5, want a number in [0, 0.9] (dropout: share of zeroed features)"});
  EXPECT_EQ(messages_of(R"({"run": {"seed": -1}})"),
            Messages{"a.json:run.seed: got -1, want an integer of at least 0 (seed: of every random stream)"});
}

TEST(Config, IntegersAreExact) {
  const std::string want = ", want an integer in [64, 16384] features (hidden_size: width of the residual stream)";
  for (const char* wrong : {"100.5", "128.0", "1280e-1", "true", "null", "99999999999999999999", "-1"}) {
    EXPECT_EQ(messages_of(std::string(R"({"model": {"hidden_size": )") + wrong + "}}"),
              Messages{std::string("a.json:model.hidden_size: got ") + wrong + want});
  }
  EXPECT_EQ(read(R"({"model": {"hidden_size": 1e3}})").config.model.hidden_size, 1000);
}

TEST(Config, QuotedNumbersAndBareTextAreToldApart) {
  EXPECT_EQ(messages_of(R"({"model": {"hidden_size": "512", "tie": "true"}, "run": {"name": 7}})"),
            (Messages{"a.json:run.name: got 7, want a string (write it in quotes)",
                      "a.json:model.hidden_size: got \"512\", want an integer in [64, 16384] features "
                      "(write it without quotes)",
                      "a.json:model.tie: got \"true\", want true or false (write it without quotes)"}));
}

TEST(Config, QuotesAreBlamedOnlyWhenTheyAreTheMistake) {
  EXPECT_EQ(messages_of(R"({"model": {"tie": "512"}})"),
            Messages{"a.json:model.tie: got \"512\", want true or false (tie: one matrix for embedding and head)"});
}

TEST(Config, WrongKindsOfValueAreNamed) {
  EXPECT_EQ(messages_of(R"({"model": {"tie": 1, "dropout": [], "type": {}, "width": false}})"),
            (Messages{"a.json:model.type: got an object, want one of \"dense\", \"moe\" (type: kind of feed-forward)",
                      "a.json:model.dropout: got a list, want a number in [0, 0.9] (dropout: share of zeroed features)",
                      "a.json:model.tie: got 1, want true or false (tie: one matrix for embedding and head)",
                      "a.json:model.width: got false, want an integer of at least 1 features, or null "
                      "(width: of the feed-forward; null derives it)"}));
}

TEST(Config, ChoicesOfferTheNearest) {
  EXPECT_EQ(messages_of(R"({"model": {"type": "mo"}})"),
            Messages{"a.json:model.type: got \"mo\", want one of \"dense\", \"moe\" (type: kind of feed-forward)"});
  EXPECT_EQ(messages_of(R"({"model": {"type": "Dense"}, "log": ["console", "jsnol"]})"),
            (Messages{"a.json:model.type: got \"Dense\", want one of \"dense\", \"moe\" (did you mean \"dense\"?)",
                      "a.json:log[1]: got \"jsnol\", want one of \"console\", \"jsonl\" (did you mean \"jsonl\"?)"}));
}

TEST(Config, PathListsNameTheBadItem) {
  EXPECT_EQ(
      messages_of(R"({"data": {"train": ["a", 5, {"path": "b", "doman": "c"}, {"domain": "d"}, ""]}})"),
      (Messages{R"(a.json:data.train[1]: got 5, want a path or {"path": ..., "domain": ...} (write it in quotes))",
                "a.json:data.train[2].doman: got an unknown key, want `path` or `domain` "
                "(did you mean `domain`?)",
                R"(a.json:data.train[3]: got no path, want a path or {"path": ..., "domain": ...} )"
                "(train: JSONL files)",
                R"(a.json:data.train[4]: got no path, want a path or {"path": ..., "domain": ...} )"
                "(train: JSONL files)"}));
  EXPECT_EQ(messages_of(R"({"data": {"train": {"path": 5}}})"),
            Messages{"a.json:data.train.path: got 5, want a string (write it in quotes)"});
  EXPECT_EQ(messages_of(R"({"data": {"train": 5}})"),
            Messages{"a.json:data.train: got 5, want a list of paths (train: JSONL files)"});
}

TEST(Config, UnknownKeysOfferTheNearestName) {
  EXPECT_EQ(messages_of(R"({"model": {"hiden_size": 64, "zzz": 1}, "modle": {}})"),
            (Messages{"a.json:model.hiden_size: got an unknown key, want a key of `model` "
                      "(did you mean `hidden_size`?)",
                      "a.json:model.zzz: got an unknown key, want a key of `model` (--describe lists every key)",
                      "a.json:modle: got an unknown key, want a section (did you mean `model`?)"}));
}

TEST(Config, KeyOfAnotherSectionIsSentThere) {
  EXPECT_EQ(messages_of(R"({"run": {"hidden_size": 64}, "dim": 64})"),
            (Messages{"a.json:run.hidden_size: got an unknown key, want a key of `run` (it is `model.hidden_size`)",
                      "a.json:dim: got an unknown key, want a section (it is `model.hidden_size`)"}));
}

TEST(Config, SectionThatIsNoObjectIsSaid) {
  EXPECT_EQ(messages_of(R"({"model": 3})"),
            Messages{"a.json:model: got 3, want an object (`model` is a section of settings)"});
  EXPECT_EQ(messages_of("[1]"), Messages{"a.json: got a list, want an object "
                                         "(a config is a JSON object with one object for each section)"});
}

TEST(Config, OtherToolsNamesAreRead) {
  EXPECT_EQ(read(R"({"model": {"dim": 640}})").config.model.hidden_size, 640);
  EXPECT_EQ(messages_of(R"({"model": {"dim": 3}})"),
            Messages{"a.json:model.dim: got 3, want an integer in [64, 16384] features "
                     "(hidden_size: width of the residual stream)"});
}

TEST(Config, KeyAndItsOtherNameTogetherAreRefused) {
  EXPECT_EQ(messages_of(R"({"model": {"dim": 640, "hidden_size": 640}})"),
            Messages{"a.json:model.dim: got both `hidden_size` and `dim`, want one of them "
                     "(they are names of one setting)"});
}

TEST(Config, OtherToolsSwitchesBecomeWords) {
  EXPECT_EQ(read(R"({"model": {"use_moe": true}})").config.model.type, "moe");
  EXPECT_EQ(read(R"({"model": {"type": "moe"}})", {"model.use_moe=false"}).config.model.type, "dense");
  EXPECT_EQ(messages_of(R"({"model": {"use_moe": 1}})"),
            Messages{"a.json:model.use_moe: got 1, want true or false (type: kind of feed-forward)"});
  EXPECT_EQ(messages_of(R"({"model": {"use_moe": true, "type": "moe"}})"),
            Messages{"a.json:model.use_moe: got both `type` and `use_moe`, want one of them "
                     "(they are names of one setting)"});
}

TEST(Config, AFileOfSomethingElseIsToldOfAFewOfItsKeys) {
  std::string json = "{\"model\": {\"k0\": 0";
  for (int key = 1; key < 100'000; ++key) json += ", \"k" + std::to_string(key) + "\": 0";
  const Messages messages = messages_of(json + "}}");
  ASSERT_EQ(messages.size(), 21u);
  EXPECT_EQ(messages[0], "a.json:model.k0: got an unknown key, want a key of `model` (--describe lists every key)");
  EXPECT_EQ(messages[20],
            "a.json:model: got 99980 more unknown keys, want settings of this program (check that it is the file you "
            "meant)");
}

TEST(Config, SourcesCanBeRewrittenBeforeTheyAreRead) {
  SampleConfig config;
  mm::Problems problems;
  std::vector<std::string> names;
  mm::read_config("", {"model.dim=128", "run.seed=2"}, visitor_of(config), problems,
                  [&](std::vector<mm::ConfigSource>& sources) {
                    for (const mm::ConfigSource& source : sources)
                      names.push_back(source.name + " " + mm::to_json(source.tree));
                    sources.pop_back();
                  });
  EXPECT_EQ(names, (Messages{R"(--set {"model": {"dim": 128}})", R"(--set {"run": {"seed": 2}})"}));
  EXPECT_EQ(config.model.hidden_size, 128);
  EXPECT_EQ(config.run.seed, SampleConfig().run.seed);
}

TEST(Config, AllProblemsOfAFileComeAtOnce) {
  EXPECT_EQ(messages_of(R"({"run": {"seed": "x"}, "model": {"tie": 0, "x": 1}, "log": 4})").size(), 4u);
}

TEST(Config, DuplicateKeysAreAllTold) {
  EXPECT_EQ(messages_of(R"({"model": {"tie": true, "tie": false}, "data": {"train": [{"path": "a", "path": "b"}]}})"),
            (Messages{"a.json:model.tie: got the key twice, want it once (remove one of them)",
                      "a.json:data.train[0].path: got the key twice, want it once (remove one of them)"}));
}

TEST(Config, MissingFileIsOneProblemWithTheWayOut) {
  const TempFolder folder;
  mm::write_file_atomic(folder / "debug.json", "{}");
  SampleConfig config;
  mm::Problems problems;
  mm::read_config(folder / "debug.jsn", {}, visitor_of(config), problems);
  mm::read_config(folder.path(), {}, visitor_of(config), problems);
  EXPECT_EQ(problems.messages(), (Messages{folder / "debug.jsn" + ": got no such file, want a file (did you mean " +
                                               folder / "debug.json" + "?)",
                                           folder.path() + ": got a folder, want a file (name a file in it)"}));
  const Thrown thrown = thrown_by([&] { problems.throw_if_any(); });
  EXPECT_EQ(thrown.code, mm::ExitCode::kConfig);
  EXPECT_EQ(thrown.message, problems.messages()[0] + "\n" + problems.messages()[1]);
}

TEST(Config, NoProblemsThrowNothing) {
  EXPECT_NO_THROW(mm::Problems().throw_if_any());
}

TEST(Overrides, LaterOnesWinOverTheFileAndEachOther) {
  const Result result = read(R"({"model": {"hidden_size": 128, "dropout": 0.5}})",
                             {"model.hidden_size=256", "model.dim=512", "model.type=moe"});
  EXPECT_EQ(result.messages, Messages{});
  EXPECT_EQ(result.config.model.hidden_size, 512);
  EXPECT_EQ(result.config.model.dropout, 0.5);
  EXPECT_EQ(result.config.model.type, "moe");
}

TEST(Overrides, WorkWithoutAFile) {
  SampleConfig config;
  mm::Problems problems;
  mm::read_config("", {"run.seed=5"}, visitor_of(config), problems);
  EXPECT_TRUE(problems.empty());
  EXPECT_EQ(config.run.seed, 5);
}

TEST(Overrides, ListsSectionsAndBareWordsAreTaken) {
  const Result result = read(R"({"model": {"dropout": 0.5}})",
                             {R"(data.train=["a", {"path": "b", "domain": "c"}])", "data.validation=dir/x.jsonl",
                              R"(model={"type": "moe", "hidden_size": 64})", "run.name=2024", "log=[]"});
  EXPECT_EQ(result.messages, Messages{});
  EXPECT_EQ(result.config.data.train, (std::vector<mm::LabelledPath>{{"a", ""}, {"b", "c"}}));
  EXPECT_EQ(result.config.data.validation, (std::vector<mm::LabelledPath>{{"dir/x.jsonl", ""}}));
  EXPECT_EQ(result.config.model.hidden_size, 64);
  EXPECT_EQ(result.config.model.dropout, 0.5);
  EXPECT_EQ(result.config.run.name, "2024");
  EXPECT_TRUE(result.config.log.empty());
}

TEST(Overrides, ValueMayHoldEqualsSignsAndBeEmpty) {
  EXPECT_EQ(read("{}", {"run.name=a=b"}).config.run.name, "a=b");
  EXPECT_EQ(read(R"({"run": {"name": "x"}})", {"run.name="}).config.run.name, "");
}

TEST(Overrides, ProblemsNameTheOverride) {
  EXPECT_EQ(override_messages("model.hidden_size=x"),
            Messages{"--set:model.hidden_size: got \"x\", want an integer in [64, 16384] features "
                     "(hidden_size: width of the residual stream)"});
  EXPECT_EQ(
      override_messages("model.dropout=nan"),
      Messages{"--set:model.dropout: got \"nan\", want a number in [0, 0.9] (dropout: share of zeroed features)"});
  EXPECT_EQ(override_messages("hidden_size=64"),
            Messages{"--set:hidden_size: got an unknown key, want a section (it is `model.hidden_size`)"});
  EXPECT_EQ(override_messages("model=3"),
            Messages{"--set:model: got 3, want an object (`model` is a section of settings)"});
  EXPECT_EQ(override_messages("run.name=\xff"),
            Messages{"--set:run.name: got \"\uFFFD\", want UTF-8 text without null characters (name: of the run)"});
}

TEST(Overrides, WrongFormIsSaid) {
  for (const char* text : {"model.hidden_size", "=3", ".x=3", "model.=3", "a..b=3", ""}) {
    EXPECT_EQ(override_messages(text), Messages{std::string("--set: got \"") + text +
                                                "\", want section.key=value (for example --set train.steps=1000)"});
  }
}

TEST(Overrides, BrokenJsonIsNotTakenForAWord) {
  EXPECT_EQ(override_messages("log=[\"console\""),
            Messages{"--set:log:1:11: got the end of the text, want ',' or ']' (it is cut off)"});
}

}  // namespace
