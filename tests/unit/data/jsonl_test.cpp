// Reading JSONL: what counts as a text, and what is said about lines that have none.
#include "data/jsonl.h"

#include <gtest/gtest.h>

#include "data_files.h"

namespace mm {
namespace {

std::vector<std::string> texts_of(const std::string& content, JsonlCounts* counts = nullptr) {
  const std::string path = test_folder() + "/a.jsonl";
  write_file_atomic(path, content);
  std::vector<std::string> texts;
  const JsonlCounts seen = JsonlFile(path).visit([&](std::string_view text) { texts.emplace_back(text); });
  if (counts != nullptr) *counts = seen;
  return texts;
}

/// The message for `content`, without the folder in front.
std::string complaint_about(const std::string& content) {
  const std::string message = error_of(ExitCode::kData, [&] { texts_of(content); });
  const size_t name = message.find("a.jsonl");
  return name == std::string::npos ? message : message.substr(name);
}

TEST(Jsonl, TextsComeInOrderWithEscapesResolvedAndOtherFieldsIgnored) {
  const std::vector<std::string> expected = {"one", "二\n\t\"", "three"};
  EXPECT_EQ(texts_of("{\"text\": \"one\"}\n"
                     "{\"id\": [1, {\"text\": \"no\"}], \"text\": \"\\u4e8c\\n\\t\\\"\"}\r\n"
                     "{\"text\":\"three\"}"),
            expected);
}

TEST(Jsonl, BlankLinesAreNothingAndEmptyTextsAreCounted) {
  JsonlCounts counts;
  EXPECT_EQ(texts_of("\n  \n{\"text\": \"\"}\n{\"text\": \"ab\"}\n\r\n", &counts), std::vector<std::string>{"ab"});
  EXPECT_EQ(counts.documents, 1);
  EXPECT_EQ(counts.text_bytes, 2);
  EXPECT_EQ(counts.empty_texts, 1);
}

TEST(Jsonl, AByteOrderMarkAtTheStartIsPassedOver) {
  EXPECT_EQ(texts_of("\xEF\xBB\xBF{\"text\": \"a\"}\n"), std::vector<std::string>{"a"});
}

TEST(Jsonl, LinesMayBeLong) {
  const std::string text(3 << 20, 'x');
  EXPECT_TRUE(texts_of("{\"text\": \"" + text + "\"}") == std::vector<std::string>{text});
}

TEST(Jsonl, AnEmptyFileHasNoTexts) {
  EXPECT_TRUE(texts_of("").empty());
}

TEST(Jsonl, BadLinesAreNamedByFileAndLine) {
  const std::string good = "{\"text\": \"a\"}\n\n";
  EXPECT_EQ(complaint_about(good + "{\"text\": \"b\"\n"),
            "a.jsonl:3: got bad JSON, want a line such as {\"text\": \"...\"}");
  EXPECT_EQ(complaint_about(good + "plain text"), "a.jsonl:3: got bad JSON, want a line such as {\"text\": \"...\"}");
  EXPECT_EQ(complaint_about(good + "{\"text\": \"b\"} {\"text\": \"c\"}"),
            "a.jsonl:3: got bad JSON, want a line such as {\"text\": \"...\"}");
  EXPECT_EQ(complaint_about(good + "{\"txt\": \"b\"}"),
            "a.jsonl:3: got no \"text\", want a line such as {\"text\": \"...\"}");
  EXPECT_EQ(complaint_about(good + "{\"text\": 5}"),
            "a.jsonl:3: got a number for \"text\", want a line such as {\"text\": \"...\"}");
  EXPECT_EQ(complaint_about(good + "{\"text\": null}"),
            "a.jsonl:3: got null for \"text\", want a line such as {\"text\": \"...\"}");
  EXPECT_EQ(complaint_about("[\"text\"]"), "a.jsonl:1: got a list, want a line such as {\"text\": \"...\"}");
  EXPECT_EQ(complaint_about(good + "{\"text\": \"\xff\"}"),
            "a.jsonl:3: got invalid UTF-8, want a line such as {\"text\": \"...\"}");
}

TEST(Jsonl, AMissingFileSaysWhereItWasLookedForAndWhatToDo) {
  EXPECT_EQ(error_of(ExitCode::kData, [] { JsonlFile("/no/such.jsonl"); }),
            "/no/such.jsonl: got no file at /no/such.jsonl, want a JSONL file with a \"text\" in each line "
            "(scripts/get_corpus.sh makes data/corpus/*.jsonl; or name your own file in data.train)");
}

TEST(Jsonl, PartsHoldWholeLinesAndMissNone) {
  const std::vector<std::string> texts = numbered_texts(100);
  const JsonlFile file(write_texts(test_folder(), "a.jsonl", texts));
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
