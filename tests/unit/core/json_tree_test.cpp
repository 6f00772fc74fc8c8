// Strict JSON: where it breaks, and in which words.
#include "core/json/json_tree.h"

#include <gtest/gtest.h>

#include "core/json/json_text.h"

namespace {

std::string problem_of(std::string_view text) {
  mm::Problems problems;
  EXPECT_FALSE(mm::parse_json(text, "a.json", problems).has_value());
  EXPECT_EQ(problems.messages().size(), 1u);
  return problems.empty() ? "" : problems.messages()[0];
}

TEST(JsonTree, KeepsOrderAndSpelling) {
  mm::Problems problems;
  const auto tree = mm::parse_json(R"( {"b": [1, -2.50, 3e2, "\u00e9\n"], "a": {"": null, "t": true}} )", "", problems);
  ASSERT_TRUE(tree.has_value());
  EXPECT_EQ(mm::to_json(*tree), R"({"b": [1, -2.50, 3e2, "é\n"], "a": {"": null, "t": true}})");
}

TEST(JsonTree, TruncatedTextTellsWhere) {
  EXPECT_EQ(problem_of(""), "a.json:1:1: got the end of the text, want a value (it is empty)");
  EXPECT_EQ(problem_of("{\"model\": {\n  \"hidden_size\": 512,"),
            "a.json:2:22: got the end of the text, want a key in double quotes "
            "(it is cut off inside model)");
  EXPECT_EQ(problem_of("{\"model\": {\n  \"na"),
            "a.json:2:6: got the end of the text, want a closing quote (it is cut off inside model)");
  EXPECT_EQ(problem_of("{\"model\": [1, 2"),
            "a.json:1:16: got the end of the text, want ',' or ']' (it is cut off inside model)");
}

TEST(JsonTree, CommonSlipsGetTheirRemedy) {
  EXPECT_EQ(problem_of("{\"a\": 1,}"), "a.json:1:9: got '}', want a key in double quotes (remove the comma before it)");
  EXPECT_EQ(problem_of("[1, 2,\n]"), "a.json:2:1: got ']', want a value (remove the comma before it)");
  EXPECT_EQ(problem_of("{\"a\": 1\n \"b\": 2}"),
            "a.json:2:2: got \"b\", want ',' or '}' (is a comma missing before it?)");
  EXPECT_EQ(problem_of("{\"a\": 1, // width\n \"b\": 2}"),
            "a.json:1:10: got '//', want a key in double quotes (JSON has no comments)");
  EXPECT_EQ(problem_of("{'a': 1}"), "a.json:1:2: got ''a'', want a key in double quotes (JSON wants double quotes)");
  EXPECT_EQ(problem_of("{a: 1}"), "a.json:1:2: got 'a', want a key in double quotes");
  EXPECT_EQ(problem_of("{\"a\" 1}"), "a.json:1:6: got '1', want ':'");
  EXPECT_EQ(problem_of("{\"a\": True}"), "a.json:1:7: got 'True', want a value (did you mean true?)");
  EXPECT_EQ(problem_of("{\"a\": NaN}"),
            "a.json:1:7: got 'NaN', want a value (true, false, null, a number, or text in double quotes)");
  EXPECT_EQ(problem_of("{\"a\": -Infinity}"),
            "a.json:1:7: got '-Infinity', want a value (true, false, null, a number, or text in double quotes)");
  EXPECT_EQ(problem_of("{\"a\": 1e999}"),
            "a.json:1:7: got 1e999, want a number that fits a double (the largest is 1.8e308)");
  EXPECT_EQ(problem_of("{\"a\": 01}"),
            "a.json:1:7: got '01', want ',' or '}' (write the number without leading zeros)");
  EXPECT_EQ(problem_of("{\"a\": .5}"),
            "a.json:1:7: got '.5', want a value (true, false, null, a number, or text in double quotes)");
  EXPECT_EQ(problem_of("{\"a\": 5.}"),
            "a.json:1:7: got '5.', want a value (true, false, null, a number, or text in double quotes)");
  EXPECT_EQ(problem_of("{} {}"), "a.json:1:4: got '{', want the end of the text");
  EXPECT_EQ(problem_of("{\"诗\": x}"),
            "a.json:1:7: got 'x', want a value (true, false, null, a number, or text in double quotes)");
  EXPECT_EQ(
      problem_of("{\"a\": \"x\ny\"}"),
      "a.json:1:9: got a line break or control character in a string, want a closing quote (or an escape such as \\n)");
  EXPECT_EQ(problem_of("{\"a\": \"\\q\"}"),
            "a.json:1:7: got \"\\q\", want only JSON's escapes after a backslash (write \\\\ for a backslash)");
}

TEST(JsonTree, BytesThatAreNoTextAreRefused) {
  EXPECT_EQ(problem_of("\xef\xbb\xbf{}"),
            "a.json:1:1: got a byte order mark, want plain UTF-8 (save the file as UTF-8 without it)");
  EXPECT_EQ(problem_of(std::string_view("{}\0{}", 5)),
            "a.json:1:3: got a null byte, want text (check that it is the file you meant)");
  EXPECT_EQ(problem_of("{\"a\": \"\xff\"}"),
            "a.json:1:8: got a byte that is not UTF-8, want UTF-8 text (save the file as UTF-8)");
  EXPECT_EQ(problem_of("\xff\xfe{"),
            "a.json:1:1: got a byte order mark, want plain UTF-8 (save the file as UTF-8 without it)");
}

TEST(JsonTree, DepthIsBounded) {
  mm::Problems problems;
  EXPECT_TRUE(mm::parse_json(std::string(64, '[') + std::string(64, ']'), "", problems).has_value());
  EXPECT_EQ(problem_of(std::string(65, '[')),
            "a.json:[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0]...: got deeper nesting, want at most "
            "64 levels");
  EXPECT_EQ(problem_of(std::string(1000000, '[')),
            "a.json:[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0]...: got deeper nesting, want at most "
            "64 levels");
}

TEST(JsonTree, MessagesCannotBeForged) {
  mm::Problems problems;
  mm::parse_json("{\"a\\nerror: b\": 1, \"a\\nerror: b\": 2}", "a.json", problems);
  EXPECT_EQ(problems.messages()[0], "a.json:\"a\\nerror: b\": got the key twice, want it once (remove one of them)");
  EXPECT_LT(problem_of("{\"a\": " + std::string(1000, 'x') + "}").size(), 200u);
  EXPECT_EQ(mm::quote_json("\x1b[2J \x7f \xc2\x9b 2J \xc2\xa0"), "\"\\u001b[2J \\u007f \\u009b 2J \xc2\xa0\"");
}

}  // namespace
