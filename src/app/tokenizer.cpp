// tokenizer: trains a tokenizer, turns text into ids and back, says what a tokenizer makes of a text.
#include <charconv>
#include <cstdio>
#include <iostream>
#include <iterator>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "app/program/command_line.h"
#include "app/program/guard.h"
#include "app/tokenizer/inspection.h"
#include "core/characters/utf8.h"
#include "core/characters/visible_text.h"
#include "core/files/files.h"
#include "core/json/json_text.h"
#include "core/text.h"
#include "data/open_tokenizer.h"
#include "data/text/text_file.h"

namespace {

using mm::with_commas;

constexpr const char* kFooter = R"(
examples:
  tokenizer train --tokenizer data/mine/tokenizer.json --data data/a.jsonl data/b.jsonl --vocab-size 6400
  echo -n "hello" | tokenizer encode --tokenizer data/mine/tokenizer.json
  tokenizer encode --tokenizer data/mine/tokenizer.json --data data/a.jsonl > a.ids
  tokenizer decode --tokenizer data/mine/tokenizer.json --ids "262 1024 17"
  tokenizer decode --tokenizer data/mine/tokenizer.json --data a.ids
  tokenizer inspect --tokenizer data/mine/tokenizer.json --data data/a.jsonl --sequence-length 340 --rows 2

encode and decode read standard input where --text, --ids and --data are not given. Texts of --data are JSONL files with
a "text" in each line; encode writes a line of ids for each of them, and decode, of files of such lines, a line of JSON
for each. A name in .json is trained as byte-level BPE, one in .model by sentencepiece.)";

const std::vector<std::string> kActions = {"train", "encode", "decode", "inspect"};

struct TokenizerOptions {
  std::string action, tokenizer, text, ids;
  std::vector<std::string> data;
  int64_t vocab_size = 6400, megabytes = 10, sequence_length = 512, rows = 0;
  bool pieces = false;
};

std::string standard_input() {
  return {std::istreambuf_iterator<char>(std::cin), {}};
}

/// A token as people read it: its bytes, or the name of a control token.
std::string shown(const mm::Tokenizer& tokenizer, int32_t id) {
  return mm::visible_text(tokenizer.decode_with_control({&id, 1}));
}

void train(const TokenizerOptions& options) {
  if (options.data.empty())
    throw mm::Error(mm::ExitCode::kConfig, mm::got_want("--data", "nothing", "text to train on"));
  if (mm::path_kind(options.tokenizer, mm::ExitCode::kData) != mm::PathKind::kMissing) {
    throw mm::Error(mm::ExitCode::kConfig, mm::got_want("--tokenizer", options.tokenizer + ", which is there already",
                                                        "a new name", "delete the file to train it again"));
  }
  mm::TokenizerConfig config;
  config.path = options.tokenizer;
  config.train = true;
  config.training_megabytes = options.megabytes;
  mm::DataConfig data;
  for (const std::string& file : options.data) data.train.push_back({file, ""});
  mm::open_tokenizer(config, data, options.vocab_size);
}

std::string words_of(std::span<const int32_t> ids) {
  std::string words;
  for (const int32_t id : ids) words += (words.empty() ? "" : " ") + std::to_string(id);
  return words;
}

/// A line of ids for each text, empty ones too.
void encode_files(const TokenizerOptions& options) {
  const auto tokenizer = mm::load_tokenizer(options.tokenizer);
  const auto encoder = tokenizer->encoder();
  mm::TokenBuffer<int32_t> ids;
  for (const std::string& file : options.data) {
    const auto write = [&](std::string_view text) {
      ids.clear();
      encoder->encode_into(text, ids);
      std::cout << words_of(ids.ids()) << '\n';
    };
    mm::TextFile(file).visit(write, mm::TextFile::EmptyTexts::kVisit);
  }
}

void encode(const TokenizerOptions& options, bool has_text) {
  if (!options.data.empty()) return encode_files(options);
  const auto tokenizer = mm::load_tokenizer(options.tokenizer);
  const std::string text = has_text ? options.text : standard_input();
  const auto encoder = tokenizer->encoder();
  mm::TokenBuffer<int32_t> ids;
  encoder->encode_into(text, ids);
  if (!options.pieces) {
    std::cout << words_of(ids.ids()) << '\n';
    return;
  }
  for (const int32_t id : ids.ids()) std::cout << id << '\t' << shown(*tokenizer, id) << '\n';
}

/// The text of ids with spaces between them.
///   where  for messages
std::string text_of(const mm::Tokenizer& tokenizer, const std::string& line, const std::string& where) {
  std::istringstream words(line);
  std::vector<int32_t> ids;
  for (std::string word; words >> word;) {
    int32_t id = -1;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), id);
    if (error != std::errc() || end != word.data() + word.size() || id < 0 || id >= tokenizer.vocab_size()) {
      throw mm::Error(mm::ExitCode::kData, mm::got_want(where, mm::visible_text(word),
                                                        "ids in [0, " + with_commas(tokenizer.vocab_size()) + ")"));
    }
    ids.push_back(id);
  }
  return tokenizer.decode_with_control(ids);
}

/// A line such as {"text": "..."} for each line of ids.
void decode_files(const TokenizerOptions& options) {
  const auto tokenizer = mm::load_tokenizer(options.tokenizer);
  for (const std::string& file : options.data) {
    std::istringstream lines(mm::read_file(file, mm::ExitCode::kData));
    int64_t number = 0;
    for (std::string line; std::getline(lines, line);) {
      const std::string text = text_of(*tokenizer, line, file + ":" + std::to_string(++number));
      std::cout << "{\"text\": " << mm::quote_json(mm::lossy_utf8(text)) << "}\n";
    }
  }
}

void decode(const TokenizerOptions& options, bool has_ids) {
  if (!options.data.empty()) return decode_files(options);
  const auto tokenizer = mm::load_tokenizer(options.tokenizer);
  std::cout << text_of(*tokenizer, has_ids ? options.ids : standard_input(), "ids");
}

mm::ExitCode run(const TokenizerOptions& options, bool has_text, bool has_ids) {
  if (options.action == kActions[0]) {
    train(options);
  } else if (options.action == kActions[1]) {
    encode(options, has_text);
  } else if (options.action == kActions[2]) {
    decode(options, has_ids);
  } else if (options.action == kActions[3]) {
    mm::inspect(*mm::load_tokenizer(options.tokenizer), options.tokenizer,
                {.files = options.data, .sequence_length = options.sequence_length, .rows = options.rows});
  } else {
    const std::string nearest = mm::nearest_name(options.action, kActions);
    throw mm::Error(mm::ExitCode::kConfig, mm::got_want("action", options.action, mm::join(kActions, ", "),
                                                        nearest.empty() ? "" : "did you mean " + nearest + "?"));
  }
  return mm::ExitCode::kFinished;
}

}  // namespace

int main(int argc, char** argv) {
  mm::CommandLine line("Trains a tokenizer, encodes, decodes, or tells what a tokenizer makes of a text.", kFooter);
  TokenizerOptions options;
  constexpr const char* kNotGiven = "\xFF";
  options.text = options.ids = kNotGiven;
  line.option("action", options.action, "train, encode, decode or inspect").required().words(kActions);
  line.option("--tokenizer PATH", options.tokenizer, "A tokenizer.json, its folder, or a sentencepiece .model")
      .required();
  line.option("--data FILE ...", options.data, "Texts to train on, to look at or to encode, or lines of ids to decode");
  line.option("--text TEXT", options.text, "What to encode").may_be_empty();
  line.option("--ids IDS", options.ids, "What to decode: numbers with spaces between them").may_be_empty();
  line.flag("--pieces", options.pieces, "Encodes to a line for each token: its id and its text");
  line.option("--vocab-size", options.vocab_size, "Tokens to train").range(300, 1 << 20).shows_default();
  line.option("--megabytes", options.megabytes, "Train on at most this much text, spread evenly over it")
      .range(1, 1024)
      .shows_default();
  line.option("--sequence-length", options.sequence_length, "inspect: for which padding and cuts are told")
      .range(2, 1 << 20)
      .shows_default();
  line.option("--rows", options.rows, "inspect: shows so many sequences of whole documents as text").range(0, 1000);
  return mm::run_program(line, argc, argv,
                         [&] { return run(options, options.text != kNotGiven, options.ids != kNotGiven); });
}
