// The tokenizer program: what it trains it encodes with, what it encodes comes back, and wrong usage is named.
#include <gtest/gtest.h>

#include "core/files/files.h"
#include "program.h"
#include "tests/unit/core/temp_folder.h"

namespace {

class TokenizerProgram : public testing::Test {
 protected:
  TokenizerProgram() {
    std::string lines;
    for (int i = 0; i < 50; ++i) {
      lines += "{\"text\": \"the river and the mountain " + std::to_string(i) + ", 床前明月光 <|im_end|>\"}\n";
    }
    mm::write_file_atomic(folder_ + "/text.jsonl", lines);
  }

  Finished run(const std::vector<std::string>& arguments, const std::string& input = "/dev/null") const {
    return run_program(MM_TOKENIZER, arguments, folder_, {}, input);
  }

  void train(const std::string& path) const {
    const Finished program = run({"train", "--tokenizer", path, "--data", "text.jsonl", "--vocab-size", "300"});
    ASSERT_EQ(program.exit_code, 0) << program.err;
  }

  TempFolder temporary_;
  const std::string folder_ = temporary_ / "here";
};

TEST_F(TokenizerProgram, WhatItEncodesComesBackFromBothKindsOfFile) {
  for (const std::string path : {"mine/tokenizer.json", "mine.model"}) {
    train(path);
    const std::string text = "the river\n  床前明月光 ¿";
    const Finished ids = run({"encode", "--tokenizer", path, "--text", text});
    ASSERT_EQ(ids.exit_code, 0) << ids.err;
    EXPECT_EQ(run({"decode", "--tokenizer", path, "--ids", ids.out}).out, text);
    mm::write_file_atomic(folder_ + "/in.txt", text);
    EXPECT_EQ(run({"encode", "--tokenizer", path}, folder_ + "/in.txt").out, ids.out);
  }
}

TEST_F(TokenizerProgram, FilesOfTextsBecomeLinesOfIdsAndTextsAgain) {
  train("mine/tokenizer.json");
  const std::string texts =
      "{\"text\": \"the river\\n \\\"x\\\"\"}\n{\"text\": \"\"}\n{\"text\": \"床前<|im_end|>\"}\n";
  mm::write_file_atomic(folder_ + "/in.jsonl", texts);
  const Finished ids = run({"encode", "--tokenizer", "mine", "--data", "in.jsonl"});
  ASSERT_EQ(ids.exit_code, 0) << ids.err;
  const Finished one = run({"encode", "--tokenizer", "mine", "--text", "the river\n \"x\""});
  EXPECT_TRUE(ids.out.starts_with(one.out + "\n")) << ids.out;
  mm::write_file_atomic(folder_ + "/in.ids", ids.out);
  EXPECT_EQ(run({"decode", "--tokenizer", "mine", "--data", "in.ids"}).out, texts);
  mm::write_file_atomic(folder_ + "/bad.ids", "5 6\n7 300\n");
  const Finished bad = run({"decode", "--tokenizer", "mine", "--data", "bad.ids"});
  EXPECT_EQ(bad.exit_code, 3);
  EXPECT_NE(bad.err.find("bad.ids:2: got 300, want ids in [0, 300)"), std::string::npos) << bad.err;
}

TEST_F(TokenizerProgram, InspectTellsTokensBytesAndControlTokensInTheText) {
  train("mine/tokenizer.json");
  const Finished program = run({"inspect", "--tokenizer", "mine", "--data", "text.jsonl"});
  EXPECT_EQ(program.exit_code, 0) << program.err;
  for (const char* part : {"300 tokens, BOS 1 <|im_start|>, EOS 2 <|im_end|>, padding 0 <|endoftext|>", "50 documents",
                           "<|im_end|> stands in the text 50 times", "bytes/token", "in sequences of 512:"}) {
    EXPECT_NE(program.out.find(part), std::string::npos) << part << " in\n" << program.out;
  }
}

TEST_F(TokenizerProgram, InspectTellsWhatTrainingWouldMakeOfTheDocuments) {
  train("mine/tokenizer.json");
  mm::write_file_atomic(folder_ + "/a.jsonl", "{\"text\": \"aa\"}\n{}\n{\"text\": \"bbb\"}\n{\"text\": \"aa\"}\n");
  mm::write_file_atomic(folder_ + "/b.jsonl", "{\"text\": \"bbb\"}\n");
  const Finished program =
      run({"inspect", "--tokenizer", "mine", "--data", "a.jsonl", "b.jsonl", "--sequence-length", "8", "--rows", "1"});
  EXPECT_EQ(program.exit_code, 0) << program.err;
  // Of 3, 4 and 3 tokens to feed, the first two are a sequence: 6 of 16 positions are left.
  for (const char* part :
       {"1 bad line: 1 no_text", "1 document says what an earlier one says", "documents              37.50%",
        "sequence 1 of documents:\n       3 | <|im_start|>aa\n       4 | <|im_start|>bbb\n       1 | padding",
        "all 2 files\n  4 documents", "2 documents say what an earlier one says"}) {
    EXPECT_NE(program.out.find(part), std::string::npos) << part << " in\n" << program.out;
  }
}

TEST_F(TokenizerProgram, WrongUsageIsNamed) {
  train("mine.json");
  const std::vector<std::pair<std::vector<std::string>, std::pair<int, std::string>>> cases = {
      {{"trian", "--tokenizer", "mine.json"},
       {2, "action: got trian, want train, encode, decode, inspect (did you mean"}},
      {{"train", "--tokenizer", "mine.json", "--data", "text.jsonl"},
       {2, "--tokenizer: got mine.json, which is there"}},
      {{"train", "--tokenizer", "new.json"}, {2, "--data: got nothing, want text to train on"}},
      {{"train", "--tokenizer", "new.txt", "--data", "text.jsonl"}, {3, "want a name ending in .json or .model"}},
      {{"decode", "--tokenizer", "mine.json", "--ids", "1 300"}, {3, "ids: got 300, want ids in [0, 300)"}},
      {{"decode", "--tokenizer", "mine.json", "--ids", "x1"}, {3, "ids: got x1, want ids in [0, 300)"}},
      {{"encode", "--tokenizer", "none.json", "--text", "a"}, {3, "got no file at none.json"}},
  };
  for (const auto& [arguments, wanted] : cases) {
    const Finished program = run(arguments);
    EXPECT_EQ(program.exit_code, wanted.first) << arguments[0];
    EXPECT_NE(program.err.find(wanted.second), std::string::npos) << program.err;
  }
}

}  // namespace
