// The lenient reader against the strict one, and where it goes further.
#include "data/text/json_line.h"

#include <gtest/gtest.h>
#include <simdjson.h>

#include <random>
#include <string>

#include "core/characters/utf8.h"

namespace mm {
namespace {

TEST(JsonLine, ReadsTheStringOfAKeyAndPassesOverTheRest) {
  EXPECT_EQ(read_json_line(R"({"a": [1, {"text": "no"}, []], "text": "y\n\u00e9\\\/", "b": {}})", "text").text,
            "y\n\xC3\xA9\\/");
  EXPECT_EQ(read_json_line(R"( { "text" : "" } )", "text").problem, "");
  EXPECT_EQ(read_json_line(R"({"te\u0078t": "x"})", "text").text, "x");
}

TEST(JsonLine, SaysWhatIsWrong) {
  EXPECT_EQ(read_json_line(R"({"text": "a")", "text").problem, "bad JSON");
  EXPECT_EQ(read_json_line(R"({"text": "a"} x)", "text").problem, "bad JSON");
  EXPECT_EQ(read_json_line(R"({"text": "a",})", "text").problem, "bad JSON");
  EXPECT_EQ(read_json_line(R"({"n": 01, "text": "a"})", "text").problem, "bad JSON");
  EXPECT_EQ(read_json_line("{\"text\": \"a\tb\"}", "text").problem, "bad JSON");
  EXPECT_EQ(read_json_line(R"({"text": "\u12"})", "text").problem, "bad JSON");
  EXPECT_EQ(read_json_line(R"({"text": "a", "text": "b"})", "text").problem, "\"text\" more than once");
  EXPECT_EQ(read_json_line(R"({"x": 1})", "text").problem, "no \"text\"");
  EXPECT_EQ(read_json_line(R"(["text"])", "text").problem, "a list");
  EXPECT_EQ(read_json_line("{\"text\": \"\xff\"}", "text").problem, "invalid UTF-8");
}

TEST(JsonLine, DepthEndsInAMessage) {
  const std::string deep(1'000'000, '[');
  EXPECT_EQ(read_json_line("{\"x\": " + deep, "text").problem, "bad JSON");
  EXPECT_EQ(
      read_json_line("{\"x\": " + deep.substr(0, 900) + std::string(900, ']') + ", \"text\": \"a\"}", "text").text,
      "a");
}

/// Lines made of pieces of JSON at random: what the strict parser takes, this one takes and reads the same.
TEST(JsonLine, AgreesWithTheStrictParserOnWhateverThatTakes) {
  const std::vector<std::string> pieces = {"{",
                                           "}",
                                           "[",
                                           "]",
                                           ",",
                                           ":",
                                           "\"text\"",
                                           "\"a\"",
                                           "1",
                                           "-0.5e3",
                                           "true",
                                           "null",
                                           " ",
                                           "\"\\u00e9\"",
                                           "\"\\\"\"",
                                           "{}",
                                           "\"text\":",
                                           "\"b\":",
                                           "\"\\ud83d\\ude00\"",
                                           "[]"};
  std::mt19937 random(3);
  simdjson::dom::parser parser;
  int taken = 0;
  for (int round = 0; round < 50'000; ++round) {
    std::string line = "{\"text\":\"x\"";
    for (unsigned i = 0; i < random() % 8; ++i) line += pieces[random() % pieces.size()];
    if (random() % 2 == 0) line += "}";
    simdjson::dom::element element;
    const bool strict = parser.parse(line).get(element) == simdjson::SUCCESS;
    const JsonLineText own = read_json_line(line, "text");
    EXPECT_EQ(strict, own.problem != "bad JSON") << line;
    taken += strict;
  }
  EXPECT_GT(taken, 1000);
}

TEST(JsonLine, MessagesOfAChatAreJoinedAsMiniMindDoes) {
  const std::string line =
      R"({"id": [1], "conversations": [{"role": "user", "content": "a\n\ud83d"}, {"from": "gpt", "value": "b", "x": []}]})";
  const JsonLineText read = read_json_line(line, "conversations");
  EXPECT_EQ(read.problem, "");
  EXPECT_EQ(read.text, "<|im_start|>user\na\n\xEF\xBF\xBD<|im_end|>\n<|im_start|>gpt\nb<|im_end|>\n");
  EXPECT_EQ(read.lone_surrogates, 1);
  std::string marks;
  for (const TextMark& mark : read.marks) marks += read.text.substr(mark.begin, mark.length);
  EXPECT_EQ(marks, "<|im_start|><|im_end|><|im_start|><|im_end|>");
  EXPECT_EQ(read_json_line(line, "text").problem,
            "no \"text\", but \"conversations\", whose messages data.text_key=conversations joins to a text");
  EXPECT_EQ(read_json_line(R"({"text": []})", "text").problem, read_json_line(R"({"text": ["a"]})", "text").problem);
  EXPECT_NE(read_json_line(R"({"text": []})", "text").problem, "");
  for (const char* bad :
       {R"({"text": [{"role": "user"}]})", R"({"text": [{"role": "user", "content": "a"}, 7]})", R"({"text": [{}]})",
        R"({"text": [{"role": "user", "content": null}, {"role": "a", "content": "b"}]})"}) {
    EXPECT_EQ(read_json_line(bad, "text").problem, "a message without a role and a content") << bad;
    EXPECT_EQ(read_json_line(bad, "text").text, "") << bad;
  }
  for (const char* bad : {R"({"text": [})", R"({"text": [{"role": "user", "content": "a"})", R"({"text": [{"a"}]})"}) {
    EXPECT_EQ(read_json_line(bad, "text").problem, "bad JSON") << bad;
  }
}

}  // namespace
}  // namespace mm
