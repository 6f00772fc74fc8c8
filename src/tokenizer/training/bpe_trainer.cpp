// Counts words beside the reading of the text, learns merges, and writes both files as the library does.
#include "tokenizer/training/bpe_trainer.h"

#include <algorithm>
#include <array>
#include <filesystem>

#include "core/error.h"
#include "core/json/json_text.h"
#include "core/process/machine.h"
#include "core/text.h"
#include "tokenizer/bpe/pretokenizer.h"
#include "tokenizer/unicode/byte_alphabet.h"

namespace mm {
namespace {

/// Text is sampled in pieces of at most this, whole documents if they are shorter: a piece of some lines would hide how
/// lines follow each other, such as the indentation of code.
constexpr size_t kMaxPieceBytes = size_t{64} << 10;

/// What one thread counts at a time.
constexpr size_t kCountedBytes = size_t{4} << 20;

constexpr std::array<std::string_view, 3> kControlTokens = {"<|endoftext|>", "<|im_start|>", "<|im_end|>"};

/// Up to the last line break that fits, else up to the last character that does.
size_t piece_length(std::string_view text) {
  if (text.size() <= kMaxPieceBytes) return text.size();
  const size_t line_break = text.rfind('\n', kMaxPieceBytes - 1);
  if (line_break != std::string_view::npos) return line_break + 1;
  size_t length = kMaxPieceBytes;
  while (length > kMaxPieceBytes - 4 && (static_cast<unsigned char>(text[length]) & 0xC0) == 0x80) --length;
  return length;
}

WordCounts count_words(const std::vector<std::string>& texts) {
  WordCounts counts;
  for (std::string_view text : texts) {
    while (!text.empty()) {
      const size_t length = first_word_length(text);
      ++counts[std::string(text.substr(0, length))];
      text.remove_prefix(length);
    }
  }
  return counts;
}

std::string symbols_of(std::string_view bytes) {
  std::string symbols;
  for (const char byte : bytes) symbols += symbol_of_byte(static_cast<uint8_t>(byte));
  return symbols;
}

/// The tokens before the first merge, bytes in the order of their symbols.
std::vector<std::string> first_tokens() {
  std::vector<std::pair<std::string, char>> bytes;
  for (int byte = 0; byte < 256; ++byte) {
    bytes.emplace_back(symbol_of_byte(static_cast<uint8_t>(byte)), static_cast<char>(byte));
  }
  std::ranges::sort(bytes);  // UTF-8 sorts as code points do
  std::vector<std::string> tokens(kControlTokens.begin(), kControlTokens.end());
  for (const auto& [symbol, byte] : bytes) tokens.emplace_back(1, byte);
  return tokens;
}

std::string added_tokens_json() {
  std::string json;
  for (size_t id = 0; id < kControlTokens.size(); ++id) {
    json += std::string(id == 0 ? "" : ",") + "\n    {\n      \"id\": " + std::to_string(id) +
            ",\n      \"content\": " + quote_json(kControlTokens[id]) +
            ",\n      \"single_word\": false,\n      \"lstrip\": false,\n      \"rstrip\": false,\n"
            "      \"normalized\": false,\n      \"special\": true\n    }";
  }
  return json;
}

std::string tokenizer_json(const LearnedVocabulary& vocabulary) {
  std::vector<std::string> names(kControlTokens.begin(), kControlTokens.end());
  for (size_t id = names.size(); id < vocabulary.tokens.size(); ++id)
    names.push_back(symbols_of(vocabulary.tokens[id]));
  std::string json =
      "{\n  \"version\": \"1.0\",\n  \"truncation\": null,\n  \"padding\": null,\n  \"added_tokens\": [" +
      added_tokens_json() +
      "\n  ],\n  \"normalizer\": null,\n  \"pre_tokenizer\": {\n    \"type\": \"ByteLevel\",\n"
      "    \"add_prefix_space\": false,\n    \"trim_offsets\": true,\n    \"use_regex\": true\n  },\n"
      "  \"post_processor\": null,\n  \"decoder\": {\n    \"type\": \"ByteLevel\",\n"
      "    \"add_prefix_space\": true,\n    \"trim_offsets\": true,\n    \"use_regex\": true\n  },\n"
      "  \"model\": {\n    \"type\": \"BPE\",\n    \"dropout\": null,\n    \"unk_token\": null,\n"
      "    \"continuing_subword_prefix\": null,\n    \"end_of_word_suffix\": null,\n"
      "    \"fuse_unk\": false,\n    \"byte_fallback\": false,\n    \"ignore_merges\": false,\n"
      "    \"vocab\": {";
  for (size_t id = 0; id < names.size(); ++id) {
    json += std::string(id == 0 ? "" : ",") + "\n      " + quote_json(names[id]) + ": " + std::to_string(id);
  }
  json += "\n    },\n    \"merges\": [";
  for (size_t rank = 0; rank < vocabulary.merges.size(); ++rank) {
    const auto& [left, right] = vocabulary.merges[rank];
    json += std::string(rank == 0 ? "" : ",") + "\n      [\n        " + quote_json(names[left]) + ",\n        " +
            quote_json(names[right]) + "\n      ]";
  }
  return json + (vocabulary.merges.empty() ? "]" : "\n    ]") + "\n  }\n}";
}

std::string tokenizer_config_json() {
  const auto token = [](size_t id) { return quote_json(kControlTokens[id]); };
  return "{\n  \"add_bos_token\": false,\n  \"add_eos_token\": false,\n  \"add_prefix_space\": false,\n"
         "  \"bos_token\": " +
         token(1) + ",\n  \"clean_up_tokenization_spaces\": false,\n  \"eos_token\": " + token(2) +
         ",\n  \"model_max_length\": 32768,\n  \"pad_token\": " + token(0) +
         ",\n  \"tokenizer_class\": \"PreTrainedTokenizerFast\",\n  \"unk_token\": " + token(0) + "\n}\n";
}

}  // namespace

void BpeTrainer::add(std::string_view text) {
  while (!text.empty()) {
    // A sample of everything needs no pieces, and then sees words as the tokenizer will.
    const size_t length = options_.keep < 1 ? piece_length(text) : text.size();
    if (sample_.take(length)) {
      texts_.emplace_back(text.substr(0, length));
      texts_bytes_ += length;
      if (texts_bytes_ >= kCountedBytes) start_counting();
    }
    text.remove_prefix(length);
  }
}

/// Waits for the oldest count when as many are under way as there are processors.
void BpeTrainer::start_counting() {
  const auto threads = static_cast<size_t>(usable_processors());
  if (counts_.size() >= threads) counts_[counts_.size() - threads].wait();
  counts_.push_back(std::async(std::launch::async, [texts = std::move(texts_)] { return count_words(texts); }));
  texts_.clear();
  texts_bytes_ = 0;
}

WordCounts BpeTrainer::take_counts() {
  WordCounts all = count_words(texts_);
  for (std::future<WordCounts>& part : counts_) {
    for (const auto& [word, count] : part.get()) all[word] += count;
  }
  texts_.clear();
  counts_.clear();
  return all;
}

std::vector<TokenizerTrainer::File> BpeTrainer::train(const std::string& path) {
  std::vector<std::string> start = first_tokens();
  std::vector<uint32_t> byte_tokens(256);
  for (size_t id = kControlTokens.size(); id < start.size(); ++id) {
    byte_tokens[static_cast<unsigned char>(start[id][0])] = static_cast<uint32_t>(id);
  }
  const auto wanted = static_cast<size_t>(options_.vocab_size);
  const LearnedVocabulary vocabulary = learn_merges(take_counts(), std::move(start), byte_tokens, wanted);
  if (vocabulary.tokens.size() != wanted) {
    const auto reached = static_cast<int64_t>(vocabulary.tokens.size());
    throw Error(ExitCode::kData,
                got_want("tokenizer.vocab_size",
                         with_commas(options_.vocab_size) + " with " + with_commas(kept_bytes()) + " bytes of text",
                         "at most " + with_commas(reached) + ", which this text can fill",
                         "set another tokenizer.vocab_size or add text to data.train"));
  }
  std::vector<File> files = {{path, tokenizer_json(vocabulary)}};
  const std::filesystem::path file(path);
  if (file.filename() == "tokenizer.json") {
    files.push_back({file.parent_path() / "tokenizer_config.json", tokenizer_config_json()});
  }
  return files;
}

}  // namespace mm
