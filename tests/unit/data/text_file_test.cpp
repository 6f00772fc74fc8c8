// Reading JSONL: what counts as a text, and what is said about lines that have none.
#include "data/text/text_file.h"

#include <gtest/gtest.h>

#include "data_files.h"

namespace mm {
namespace {

std::vector<std::string> texts_of(const std::string& content, TextCounts* counts = nullptr) {
  const std::string path = test_folder() + "/a.jsonl";
  write_file_atomic(path, content);
  std::vector<std::string> texts;
  const TextCounts seen = TextFile(path).visit([&](std::string_view text) { texts.emplace_back(text); });
  if (counts != nullptr) *counts = seen;
  return texts;
}

/// The message for `content`, without the folder in front.
std::string complaint_about(const std::string& content) {
  const std::string message = error_of(ExitCode::kData, [&] { texts_of(content); });
  const size_t name = message.find("a.jsonl");
  return name == std::string::npos ? message : message.substr(name);
}

TEST(TextFile, TextsComeInOrderWithEscapesResolvedAndOtherFieldsIgnored) {
  const std::vector<std::string> expected = {"one", "二\n\t\"", "three"};
  EXPECT_EQ(texts_of("{\"text\": \"one\"}\n"
                     "{\"id\": [1, {\"text\": \"no\"}], \"text\": \"\\u4e8c\\n\\t\\\"\"}\r\n"
                     "{\"text\":\"three\"}"),
            expected);
}

TEST(TextFile, BlankLinesAreNothingAndEmptyTextsAreCounted) {
  TextCounts counts;
  EXPECT_EQ(texts_of("\n  \n{\"text\": \"\"}\n{\"text\": \"ab\"}\n\r\n", &counts), std::vector<std::string>{"ab"});
  EXPECT_EQ(counts.documents, 1);
  EXPECT_EQ(counts.text_bytes, 2);
  EXPECT_EQ(counts.empty_texts, 1);
}

TEST(TextFile, AByteOrderMarkAtTheStartIsPassedOver) {
  EXPECT_EQ(texts_of("\xEF\xBB\xBF{\"text\": \"a\"}\n"), std::vector<std::string>{"a"});
}

TEST(TextFile, LinesMayBeLong) {
  const std::string text(3 << 20, 'x');
  EXPECT_TRUE(texts_of("{\"text\": \"" + text + "\"}") == std::vector<std::string>{text});
}

TEST(TextFile, AnEmptyFileHasNoTexts) {
  EXPECT_TRUE(texts_of("").empty());
}

TEST(TextFile, BadLinesAreNamedByFileAndLineAndCounted) {
  const std::string good = "{\"text\": \"a\"}\n\n";
  const std::string wanted =
      ", want a line such as {\"text\": \"...\"} (1 of 2 records is bad; data.bad_lines=skip passes "
      "over it)";
  EXPECT_EQ(complaint_about(good + "{\"text\": \"b\"\n"), "a.jsonl:3: got bad JSON" + wanted);
  EXPECT_EQ(complaint_about(good + "plain text"), "a.jsonl:3: got bad JSON" + wanted);
  EXPECT_EQ(complaint_about(good + "{\"text\": \"b\"} {\"text\": \"c\"}"), "a.jsonl:3: got bad JSON" + wanted);
  EXPECT_EQ(complaint_about(good + "{\"txt\": \"b\"}"), "a.jsonl:3: got no \"text\"" + wanted);
  EXPECT_EQ(complaint_about(good + "{\"text\": 5}"), "a.jsonl:3: got a number for \"text\"" + wanted);
  EXPECT_EQ(complaint_about(good + "{\"text\": null}"), "a.jsonl:3: got null for \"text\"" + wanted);
  EXPECT_EQ(complaint_about(good + "[\"text\"]"), "a.jsonl:3: got a list" + wanted);
  EXPECT_EQ(complaint_about(good + "{\"text\": \"\xff\"}"), "a.jsonl:3: got invalid UTF-8" + wanted);
  EXPECT_EQ(complaint_about(good + "{\"text\": \"b\", \"text\": \"c\"}"),
            "a.jsonl:3: got \"text\" more than once" + wanted);
  EXPECT_NE(
      complaint_about(good + "{}\n[]\n{}\n").find("(3 of 4 records are bad; data.bad_lines=skip passes over them)"),
      std::string::npos);
}

TEST(TextFile, BadLinesThatAreSkippedAreCountedAndTheFirstOnesNamed) {
  const std::string path = test_folder() + "/a.jsonl";
  std::string lines = "{\"text\": \"a\"}\n";
  for (int i = 0; i < 12; ++i) lines += "{\"txt\": 1}\n";
  write_file_atomic(path, lines + "{\"text\": \"b\"}\n");
  std::vector<std::string> texts;
  const TextCounts counts =
      TextFile(path, {.skip_bad_lines = true}).visit([&](std::string_view text) { texts.emplace_back(text); });
  EXPECT_EQ(texts, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(counts.bad_lines.total(), 12U);
  ASSERT_EQ(counts.examples.size(), 10U);
  EXPECT_EQ(counts.examples[0], path + ":2: got no \"text\"");
}

TEST(TextFile, WhatPythonReadsIsReadAsPythonReadsIt) {
  TextCounts counts;
  EXPECT_EQ(
      texts_of(
          "{\"text\": \"a\\ud83db\"}\n{\"score\": NaN, \"text\": \"c\", \"x\": [-Infinity, {\"y\": \"\\ud83d\"}]}\n"
          "{\"text\": \"\\ud83d\\ude00\"}\n",
          &counts),
      (std::vector<std::string>{"a\xEF\xBF\xBD"
                                "b",
                                "c", "\xF0\x9F\x98\x80"}));
  EXPECT_EQ(counts.lone_surrogates, 1);
}

TEST(TextFile, AnotherKeyIsTheTextOnRequest) {
  const std::string path = test_folder() + "/a.jsonl";
  write_file_atomic(path, "{\"text\": \"no\", \"content\": \"yes\"}\n");
  std::vector<std::string> texts;
  TextFile(path, {.text_key = "content"}).visit([&](std::string_view text) { texts.emplace_back(text); });
  EXPECT_EQ(texts, std::vector<std::string>{"yes"});
}

TEST(TextFile, AMissingFileSaysWhereItWasLookedForAndWhatToDo) {
  EXPECT_EQ(
      error_of(ExitCode::kData, [] { TextFile("/no/such.jsonl"); }),
      "/no/such.jsonl: got no file at /no/such.jsonl, want a JSONL file with a \"text\" in each line "
      "(scripts/get_corpus.sh makes data/corpus/*.jsonl, with --large data/corpus_large/*.jsonl; or name your own "
      "file in data.train)");
}

TEST(TextFile, PartsHoldWholeLinesAndMissNone) {
  const std::vector<std::string> texts = numbered_texts(100);
  const TextFile file(write_texts(test_folder(), "a.jsonl", texts));
  for (const size_t part_bytes : {1, 20, 33, 1000, 100000}) {
    std::vector<std::string> seen;
    size_t begin = 0;
    for (const size_t end : file.cut(part_bytes)) {
      ASSERT_LT(begin, end);
      file.visit(begin, end, [&](std::string_view text) { seen.emplace_back(text); });
      begin = end;
    }
    EXPECT_EQ(begin, file.bytes().size());
    EXPECT_EQ(seen, texts) << part_bytes;
  }
}

}  // namespace
}  // namespace mm
