// What people name for text, through the program: what is read, and how what is not is told.
#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "core/text.h"
#include "workplace.h"

namespace {

using namespace std::string_literals;

constexpr int kData = 3;

size_t times(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

/// Settings of one step on a file, with the tokenizer of text.jsonl.
Words one_step(const std::string& file, const Words& more = {}) {
  Words settings = {"data.train=" + file, "train.steps=1"};
  settings.insert(settings.end(), more.begin(), more.end());
  return settings;
}

std::string sentences(int count, const std::string& end) {
  std::string text;
  for (int i = 0; i < count; ++i) text += mm::format("river number %d runs north under the stone house", i) + end;
  return text;
}

std::string json_lines(int count) {
  std::string lines;
  for (int i = 0; i < count; ++i) lines += mm::format("{\"text\": \"river number %d runs north under a stone\"}\n", i);
  return lines;
}

std::string array_of(int count) {
  std::string objects;
  for (int i = 0; i < count; ++i) objects += mm::format("%s{\"text\": \"%d is a river\"}", i == 0 ? "[" : ",\n", i);
  return objects + "]\n";
}

TEST(Text, IsReadInEveryFormThatIsPromised) {
  const Workplace workplace;
  ASSERT_EQ(workplace.pretrain(train("dense", "first", {"train.steps=1"})).exit_code, 0);
  struct Case {
    std::string name, content;
    Words settings = {};
  };
  const std::vector<Case> cases = {
      {"plain.txt", sentences(60, ".\n<|endoftext|>\n")},
      {"one.txt", sentences(60, ".\n")},  // a tail of it is held out
      {"a.csv", "id,text\n" + sentences(60, ",x\n"), {"data.text_key=id"}},
      {"array.json", array_of(60)},
      {"crlf.jsonl", "\xEF\xBB\xBF{\"text\": \"first\"}\r\n\r\n" + json_lines(60)},
      {"surrogate.jsonl", "{\"text\": \"\\ud83d alone\", \"n\": NaN}\n" + json_lines(60)},
      {"skip.jsonl", "{\"text\": \"cut\n" + json_lines(300), {"data.bad_lines=skip"}},
      {"dup.jsonl", "{\"text\": \"a\", \"text\": \"b\"}\n" + json_lines(300), {"data.bad_lines=skip"}},
      {"special.jsonl", "{\"text\": \"a<|im_end|>b\"}\n" + json_lines(60)},
  };
  for (const Case& each : cases) {
    workplace.write(each.name, each.content);
    const Finished program = workplace.pretrain(train("dense", each.name, one_step(each.name, each.settings)));
    EXPECT_EQ(program.exit_code, 0) << each.name << program.err;
    if (each.name == "surrogate.jsonl") expect_contains(program.out, "1 lone surrogate read as U+FFFD");
    if (each.name == "skip.jsonl") expect_contains(program.out, "1 bad record passed over (1 bad_json)");
    if (each.name == "skip.jsonl") {
      const auto data = nlohmann::json::parse(workplace.read("output/skip.jsonl/data.json"));
      EXPECT_EQ(data["read"]["documents"], 300);
      EXPECT_EQ(data["read"]["bad_lines"], nlohmann::json({{"total", 1}, {"bad_json", 1}}));
      EXPECT_EQ(data["copies"]["documents"], 0);
      EXPECT_LT(data["trained_on"]["documents"], 300);
    }
    if (each.name == "special.jsonl") expect_contains(program.out, "1 name of a control token read as text");
  }
}

TEST(Text, ThatIsNoneOrIsDamagedIsRefusedByWhatItIs) {
  const Workplace workplace;
  ASSERT_EQ(workplace.pretrain(train("dense", "first", {"train.steps=1"})).exit_code, 0);
  struct Case {
    std::string name, content, error;
    Words settings = {};
  };
  const std::string good = json_lines(60);
  const std::vector<Case> cases = {
      {"badbyte.jsonl", good + "{\"text\": \"a\xff\"}\n", "badbyte.jsonl:61: got invalid UTF-8"},
      {"truncated.jsonl", good + "{\"text\": \"a", "truncated.jsonl:61: got "},
      {"null.jsonl", "{\"text\": null}\n" + good, "null.jsonl:1: got "},
      {"number.jsonl", "{\"text\": 7}\n" + good, "number.jsonl:1: got "},
      {"dupkey.jsonl", good + "{\"text\": \"a\", \"text\": \"b\"}\n", "dupkey.jsonl:61: got "},
      {"sft.jsonl", "{\"conversations\": []}\n",
       "sft.jsonl:1: got no \"text\", but \"conversations\", whose messages data.text_key=conversations joins"},
      {"empty.jsonl", "", "data.train: got no documents, want "},
      {"bad.jsonl", "{}\n" + good, "data.bad_lines=skip passes over it"},
      {"many.jsonl",
       good + sentences(20, "\n"),
       "got 20 bad records (20 bad_json) beside 60 good ones",
       {"data.bad_lines=skip"}},
      {"reject.jsonl",
       good + "{\"text\": \"a<|im_end|>\"}\n",
       "reject.jsonl:61: got a text with 1 name of a control token",
       {"data.special_tokens=reject"}},
      {"utf16.jsonl", "\xff\xfe{\0"s, "got UTF-16"},
      {"gbk.jsonl", "{\"text\": \"\xc4\xe3\xba\xc3\xca\xc0\xbd\xe7\"}\n", "got text in a Chinese encoding such as GBK"},
      {"lfs.jsonl", "version https://git-lfs.github.com/spec/v1\n", "got a pointer of git-lfs"},
      {"shard.parquet", "PAR1....", "got a Parquet file"},
      {"x.jsonl.xz", "\xfd"s + "7zXZ\0"s, "got an xz file"},
      {"train.bin", "\x01\x00\xff\x02"s, "got numbers that may be tokens"},
      {"far.bin",
       "\x01\x00\xff\x02"s,
       "far.bin:token 0: got a document with the token 767, want tokens below 320",
       {"data.bin_tokens=uint16"}},
      {"cut.jsonl.gz", "\x1f\x8b\x08"s, "cut.jsonl.gz: got an archive that ends in the middle of its text"},
      {"small.jsonl",
       good,
       "tokenizer/tokenizer.json: got a vocabulary of 320, want one of 300",
       {"model.vocab_size=300"}},
      {"none*.jsonl", "", "got a pattern that matches no file"},
  };
  for (const Case& each : cases) {
    if (each.name.find('*') == std::string::npos) workplace.write(each.name, each.content);
    const Finished program = workplace.pretrain(train("dense", "refused", one_step(each.name, each.settings)));
    EXPECT_EQ(program.exit_code, kData) << each.name << program.out;
    expect_contains(program.err, each.error);
  }
}

TEST(Text, WithoutDocumentsTrainsNoTokenizerEither) {
  const Workplace workplace;
  workplace.write("empty.jsonl", "");
  const Finished program = workplace.pretrain(train("dense", "empty", one_step("empty.jsonl")));
  EXPECT_EQ(program.exit_code, kData) << program.out;
  expect_contains(program.err, "data.train: got no documents, want text to train tokenizer/tokenizer.json on");
}

TEST(Text, OfAnArchiveTrainsToTheBytesOfTheTextInIt) {
  const Workplace workplace;
  workplace.write("long.jsonl", json_lines(300));
  ASSERT_EQ(workplace.pretrain(train("dense", "plain", {"data.train=long.jsonl"})).exit_code, 0);
  ASSERT_EQ(run_program("/bin/gzip", {"long.jsonl"}, workplace.folder()).exit_code, 0);
  const Finished packed = workplace.pretrain(train("dense", "packed", {"data.train=long.jsonl.gz"}));
  ASSERT_EQ(packed.exit_code, 0) << packed.err;
  EXPECT_EQ(differences(workplace, "plain", "packed", 20), Words());
}

TEST(Text, FourProcessesAtOnceUnpackAndTokenizeOnce) {
  const Workplace workplace;
  ASSERT_EQ(workplace.pretrain(train("dense", "first", {"train.steps=1"})).exit_code, 0);
  std::string lines;
  for (int i = 0; i < 8000; ++i) {
    lines += mm::format("{\"text\": \"%d is a number that %s\"}\n", i,
                        std::string(1000, static_cast<char>('a' + i % 26)).c_str());
  }
  workplace.write("long.jsonl", lines);
  ASSERT_EQ(run_program("/bin/gzip", {"-1", "long.jsonl"}, workplace.folder()).exit_code, 0);
  std::vector<std::unique_ptr<Program>> programs;
  for (const std::string run : {"a", "b", "c", "d"}) {
    const Words settings = one_step("long.jsonl.gz", {"data.shuffle_megabytes=0"});
    programs.push_back(std::make_unique<Program>(MM_PRETRAIN, train("dense", run, settings), workplace.folder()));
  }
  std::string said;
  for (const auto& program : programs) {
    const Finished finished = program->wait();
    EXPECT_EQ(finished.exit_code, 0) << finished.err;
    said += finished.out;
  }
  EXPECT_EQ(times(said, "unpacked  long.jsonl.gz"), 1U) << said;
  EXPECT_EQ(times(said, "tokenized long.jsonl.gz"), 1U) << said;
  EXPECT_EQ(differences(workplace, "a", "d", 1), Words());
}

TEST(Text, InGivenSharesGoesOnToTheSameBytes) {
  const Workplace workplace;
  const Words settings = {R"(data.train=["text.jsonl", "other.jsonl"])", R"(data.weights=["text=1", "other=3"])"};
  const auto with = [&](const std::string& more) {
    Words all = settings;
    if (!more.empty()) all.push_back(more);
    return all;
  };
  const Finished whole = workplace.pretrain(train("moe", "whole", settings));
  ASSERT_EQ(whole.exit_code, 0) << whole.err;
  for (const char* part : {"mixture   text 2", "% of the sequences, ", "; other 7"}) expect_contains(whole.out, part);
  for (const int stop : {7, 13}) {
    const Finished part = workplace.pretrain(train("moe", "parts", with(mm::format("train.stop_after=%d", stop))));
    EXPECT_EQ(part.exit_code, 75) << part.err;
  }
  const Finished rest = workplace.pretrain(train("moe", "parts", settings));
  EXPECT_EQ(rest.exit_code, 0) << rest.err;
  EXPECT_EQ(differences(workplace, "whole", "parts", 20), Words());

  const Finished other = workplace.pretrain(
      train("moe", "whole", {settings[0], R"(data.weights=["text=1", "other=1"])", "train.steps=22"}));
  EXPECT_EQ(other.exit_code, 2) << "other shares are another run";
  expect_contains(other.err, "data.weights");
}

}  // namespace
