// Cuts texts into what the sentencepiece trainer calls sentences, and runs it.
#include "tokenizer/training/sentencepiece_trainer.h"

#include <sentencepiece_trainer.h>

#include <unordered_map>

#include "core/error.h"
#include "core/text.h"

namespace mm {
namespace {

/// The trainer drops longer sentences, and cannot address more than 65,535 characters of one.
constexpr size_t kMaxSentenceBytes = 4096;

/// A space has to occur in the text, or it gets no token and the tokenizer would lose it.
const std::string kLastSentence = " ";

class Sentences : public sentencepiece::SentenceIterator {
 public:
  explicit Sentences(const std::vector<std::string>& sentences) : sentences_(sentences) {}
  bool done() const override { return next_ > sentences_.size(); }
  void Next() override { ++next_; }
  const std::string& value() const override { return next_ < sentences_.size() ? sentences_[next_] : kLastSentence; }
  sentencepiece::util::Status status() const override { return {}; }

 private:
  const std::vector<std::string>& sentences_;
  size_t next_ = 0;
};

/// The length of the first sentence of `text`: up to and with its line breaks, so that the tokenizer can learn
/// pieces such as ".\n\n", and not through the middle of a character.
size_t sentence_length(std::string_view text) {
  const size_t line = text.find('\n');
  const size_t next_line = line == std::string_view::npos ? line : text.find_first_not_of('\n', line);
  const size_t length = next_line == std::string_view::npos ? text.size() : next_line;
  if (length <= kMaxSentenceBytes) return length;
  const auto continues_character = [&](size_t at) { return (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80; };
  size_t cut = kMaxSentenceBytes;
  while (cut > kMaxSentenceBytes - 4 && continues_character(cut)) --cut;
  return cut;
}

/// What the trainer has to say, without its source line and condition: `Internal: ./x.cc(660) [...] <this>`.
std::string reason(const sentencepiece::util::Status& status) {
  const std::string message = status.error_message();
  const size_t start = message.rfind("] ");
  const std::string words = start == std::string::npos ? message : message.substr(start + 2);
  return words.find_first_not_of(' ') == std::string::npos ? "no usable text" : words;
}

}  // namespace

void SentencepieceTrainer::add(std::string_view text) {
  while (!text.empty()) {
    const size_t length = sentence_length(text);
    if (sample_.take(length)) sentences_.emplace_back(text.substr(0, length));
    text.remove_prefix(length);
  }
}

std::vector<TokenizerTrainer::File> SentencepieceTrainer::train(const std::string& path) {
  const std::unordered_map<std::string, std::string> arguments = {
      {"model_type", "bpe"},
      {"vocab_size", std::to_string(options_.vocab_size)},
      {"character_coverage", format("%.6f", options_.character_coverage)},
      {"byte_fallback", "true"},
      {"required_chars", "\xE2\x96\x81"},  // how sentencepiece writes a space
      {"split_digits", "true"},
      {"allow_whitespace_only_pieces", "true"},
      {"normalization_rule_name", "identity"},
      {"remove_extra_whitespaces", "false"},
      {"add_dummy_prefix", "false"},
      {"max_sentence_length", std::to_string(kMaxSentenceBytes)},
      {"unk_id", "0"},
      {"bos_id", "1"},
      {"eos_id", "2"},
      {"pad_id", "-1"},
      {"num_threads", "1"},
      {"minloglevel", "4"},
  };
  Sentences sentences(sentences_);
  std::string model;
  const auto status = sentencepiece::SentencePieceTrainer::Train(arguments, &sentences, &model);
  if (!status.ok()) {
    throw Error(
        ExitCode::kData,
        got_want("tokenizer.vocab_size",
                 with_commas(options_.vocab_size) + " with " + with_commas(kept_bytes()) + " bytes of text",
                 "a vocabulary that the text can fill and that holds its characters",
                 "set another tokenizer.vocab_size or add text to data.train; sentencepiece says: " + reason(status)));
  }
  return {{path, std::move(model)}};
}

}  // namespace mm
