// Formats besides JSON Lines, files that are none, and files by folder and pattern.
#include "data/text/text_format.h"

#include <gtest/gtest.h>

#include "data/text/files/text_paths.h"
#include "data/text/foreign_file.h"
#include "data/text/text_file.h"
#include "data_files.h"

namespace mm {
namespace {

using Texts = std::vector<std::string>;
using namespace std::string_literals;

std::string write(const std::string& name, const std::string& content) {
  const std::string path = test_folder() + "/" + name;
  write_file_atomic(path, content);
  return path;
}

/// Read whole, and in parts of some sizes.
Texts texts_of(const std::string& path, const Reading& reading = {}) {
  const TextFile file(path, reading);
  Texts texts;
  file.visit([&](std::string_view text) { texts.emplace_back(text); });
  for (const size_t part_bytes : {1, 7, 30, 100000}) {
    Texts again;
    size_t begin = 0;
    for (const size_t end : file.cut(part_bytes)) {
      EXPECT_LT(begin, end);
      file.visit(begin, end, [&](std::string_view text) { again.emplace_back(text); });
      begin = end;
    }
    EXPECT_EQ(begin, file.bytes().size());
    EXPECT_EQ(again, texts) << part_bytes;
  }
  return texts;
}

TEST(TextFormat, AJsonArrayIsItsObjects) {
  EXPECT_EQ(texts_of(write("a.json", "[\n  {\"text\": \"a, [b]\"},\n  {\"x\": [1, {}], \"text\": \"c\\\"d\"}\n]\n")),
            (Texts{"a, [b]", "c\"d"}));
  EXPECT_EQ(texts_of(write("b.json", "[]")), Texts{});
  EXPECT_EQ(texts_of(write("c.jsonl", "[{\"text\": \"one line\"}]")), Texts{"one line"});
}

TEST(TextFormat, CsvHasAHeaderAndQuotedFieldsWithLineBreaks) {
  EXPECT_EQ(texts_of(write("a.csv", "id,text\r\n1,plain\r\n2,\"a, \"\"b\"\"\nc\"\r\n3,\n")),
            (Texts{"plain", "a, \"b\"\nc"}));
  EXPECT_EQ(texts_of(write("b.tsv", "body\tid\nx,y\t1\n"), {.text_key = "body"}), Texts{"x,y"});
  const std::string path = write("c.csv", "id,body\n1,x\n");
  EXPECT_EQ(error_of(ExitCode::kData, [&] { TextFile file(path); }),
            path +
                ":1: got columns id, body, want a column \"text\" among them (data.text_key names the column that is "
                "the text)");
  const std::string hostile = write("e.csv", "id,te\x1b[31mxt\xff," + std::string(5000, 'x') + "\n");
  const std::string refusal = error_of(ExitCode::kData, [&] { TextFile file(hostile); });
  EXPECT_NE(refusal.find("got columns id, te\\x1b[31mxt\\xff, xxx"), std::string::npos) << refusal;
  EXPECT_LT(refusal.size(), 1000U);
  const std::string ragged = write("d.csv", "id,text\n1,x\n2\n");
  EXPECT_NE(error_of(ExitCode::kData, [&] { texts_of(ragged); }).find("d.csv:3: got 1 columns, want 2 columns"),
            std::string::npos);
}

TEST(TextFormat, PlainTextIsADocumentOrSeveralWithMarksBetweenThem) {
  EXPECT_EQ(texts_of(write("a.txt", "\xEF\xBB\xBFone\ntwo\n")), Texts{"one\ntwo"});
  EXPECT_EQ(texts_of(write("b.txt", "one\n<|endoftext|>\n\ntwo\nthree\n<|endoftext|>\n")),
            (Texts{"one", "two\nthree"}));
  EXPECT_NE(error_of(ExitCode::kData, [] { texts_of(write("c.txt", "a\xff")); }).find("got invalid UTF-8"),
            std::string::npos);
}

TEST(ForeignFile, IsNamedForWhatItIsWithTheCommandThatMakesTextOfIt) {
  const auto what = [](const std::string& content, const std::string& name = "a.jsonl") {
    return recognize_foreign(name, content).what;
  };
  EXPECT_EQ(what("BZh9rest"), "a bzip2 file");
  EXPECT_EQ(recognize_foreign("x/a.bz2", "BZh9").remedy, "bzip2 -dk x/a.bz2");
  EXPECT_EQ(what(std::string(257, 'x') + "ustar"), "a tar archive");
  EXPECT_EQ(what("PAR1...."), "a Parquet file");
  EXPECT_EQ(what("version https://git-lfs.github.com/spec/v1\n"),
            "a pointer of git-lfs instead of the file it stands for");
  EXPECT_EQ(what("{\0\"\0t\0e\0x\0t\0"s), "UTF-16");
  EXPECT_EQ(what("{\"text\": \"\xc4\xe3\xba\xc3\xca\xc0\xbd\xe7\"}\n"), "text in a Chinese encoding such as GBK");
  EXPECT_EQ(what("\x01\x80\xff\x02"s, "train.bin"), "numbers that may be tokens");
  EXPECT_EQ(what("{\"text\": \"\xE4\xBD\xA0\"}\n"), "");
  EXPECT_EQ(what("{\"text\": \"\xff\"}\n"), "");
  EXPECT_EQ(what(""), "");
  const std::string path = write("a.jsonl", "PAR1....");
  EXPECT_NE(error_of(ExitCode::kData, [&] { TextFile file(path); }).find("got a Parquet file, want JSON Lines"),
            std::string::npos);
}

TEST(TextPaths, AFolderIsItsTextFilesAndAPatternWhatMatches) {
  const std::string folder = test_folder();
  for (const char* name : {"b.jsonl", "a.jsonl", "c.txt", "d.log"}) write_file_atomic(folder + "/" + name, "x");
  write_file_atomic(folder + "/below/e.txt", "x");
  const auto paths = [&](const std::string& path) {
    Texts names;
    for (const LabelledPath& file : text_files({{folder + path, "label"}})) {
      EXPECT_EQ(file.domain, "label");
      names.push_back(file.path.substr(folder.size()));
    }
    return names;
  };
  EXPECT_EQ(paths(""), (Texts{"/a.jsonl", "/b.jsonl"}));
  EXPECT_EQ(paths("/below"), Texts{"/below/e.txt"});
  write_file_atomic(folder + "/packed/f.jsonl.gz", "x");
  write_file_atomic(folder + "/packed/g.tar.gz", "x");
  EXPECT_EQ(paths("/packed"), Texts{"/packed/f.jsonl.gz"});
  write_file_atomic(folder + "/packed/f.jsonl", "x");
  EXPECT_EQ(paths("/packed"), Texts{"/packed/f.jsonl"}) << "an archive beside what it holds";
  EXPECT_EQ(paths("/*.[jt]*"), (Texts{"/a.jsonl", "/b.jsonl", "/c.txt"}));
  EXPECT_EQ(paths("/none.jsonl"), Texts{"/none.jsonl"});
  EXPECT_NE(error_of(ExitCode::kData, [&] { paths("/*.nothing"); }).find("a pattern that matches no file"),
            std::string::npos);
  std::filesystem::create_directories(folder + "/empty");
  EXPECT_NE(error_of(ExitCode::kData, [&] { paths("/empty"); }).find("a folder without text files"), std::string::npos);
}

}  // namespace
}  // namespace mm
