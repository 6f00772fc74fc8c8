// A sentencepiece model behind the Tokenizer interface, made lossless where the library is not.
#include "tokenizer/sentencepiece_tokenizer.h"

#include <fcntl.h>
#include <sentencepiece_processor.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

#include "core/error.h"
#include "core/files/files.h"
#include "core/hash.h"
#include "core/text.h"

namespace mm {
namespace {

/// sentencepiece writes a space as this character (U+2581), and so cannot tell the character itself from a space.
constexpr std::string_view kSpaceMark = "\xE2\x96\x81";

/// What an unknown token reads as (U+FFFD); models with byte fallback have no use for it.
constexpr std::string_view kUnknownText = "\xEF\xBF\xBD";

/// The largest vocabularies in use are a few MB; more is some other kind of file.
constexpr size_t kMaxModelBytes = size_t{64} << 20;

std::string text_of_piece(std::string_view piece) {
  std::string text;
  for (size_t at = 0; at < piece.size();) {
    if (piece.substr(at, kSpaceMark.size()) == kSpaceMark) {
      text += ' ';
      at += kSpaceMark.size();
    } else {
      text += piece[at++];
    }
  }
  return text;
}

bool continues_after_line_break(const std::string& text) {
  const size_t line_break = text.find('\n');
  return line_break != std::string::npos && text.find_first_not_of('\n', line_break) != std::string::npos;
}

bool continues_after_space(const std::string& text) {
  return text.find(' ', std::min(text.find_first_not_of(' '), text.size())) != std::string::npos;
}

/// The library takes 175 times the memory of what it encodes at once. Longer texts without a line break are cut,
/// between two words where no token reaches from one into the next; where there are none, at a character, and the
/// tokens on both sides of that one place may be others.
constexpr size_t kLongestPart = size_t{1} << 20;

class SentencepieceTokenizer : public Tokenizer {
 public:
  explicit SentencepieceTokenizer(const std::string& path) {
    const std::string bytes = read_file(path, ExitCode::kData, kMaxModelBytes);
    fingerprint_ = hash64(bytes);
    const auto status = processor_.LoadFromSerializedProto(bytes);
    if (!status.ok() || processor_.GetPieceSize() == 0) {
      throw Error(ExitCode::kData, got_want(path, "a file that cannot be read as one (" + status.ToString() + ")",
                                            "a sentencepiece model", "copy or train it again"));
    }
    if (processor_.bos_id() < 0 || processor_.eos_id() < 0) {
      throw Error(ExitCode::kData, got_want(path, "a model without BOS or EOS", "a model that has both tokens"));
    }
    fill_texts();
    adds_space_ = round_trip("a") == " a";
    const bool keeps_whitespace = round_trip("a\n  b") == "a\n  b";
    spells_space_mark_ = keeps_whitespace && find_space_mark_ids();
    splits_at_lines_ = keeps_whitespace && std::ranges::none_of(texts_, continues_after_line_break);
    splits_at_words_ = std::ranges::none_of(texts_, continues_after_space);
  }

  std::vector<int32_t> encode(std::string_view text) const override {
    std::vector<int32_t> ids;
    while (!text.empty()) {
      const size_t length = part_length(text);
      append_part(text.substr(0, length), ids);
      text.remove_prefix(length);
      // The library puts the space between two words in front of the second one by itself.
      if (adds_space_ && text.starts_with(' ')) text.remove_prefix(1);
      if (spells_space_mark_ && text.starts_with(kSpaceMark)) {
        ids.insert(ids.end(), space_mark_ids_.begin(), space_mark_ids_.end());
        text.remove_prefix(kSpaceMark.size());
      }
    }
    return ids;
  }

  std::string decode(std::span<const int32_t> ids) const override {
    std::string text = text_of(ids);
    if (adds_space_ && text.starts_with(' ')) text.erase(0, 1);
    return text;
  }

  std::string decode_with_control(std::span<const int32_t> ids) const override {
    std::string text;
    for (const int32_t id : ids) text += processor_.IsControl(id) ? processor_.IdToPiece(id) : text_at(id);
    if (adds_space_ && text.starts_with(' ')) text.erase(0, 1);
    return text;
  }

  int64_t vocab_size() const override { return static_cast<int64_t>(texts_.size()); }
  int32_t bos_id() const override { return processor_.bos_id(); }
  int32_t eos_id() const override { return processor_.eos_id(); }
  int64_t token_bytes(int32_t id) const override { return static_cast<int64_t>(text_at(id).size()); }
  uint64_t fingerprint() const override { return fingerprint_; }

 private:
  void fill_texts() {
    const int size = processor_.GetPieceSize();
    texts_.resize(static_cast<size_t>(size));
    for (int id = 0; id < size; ++id) {
      std::string& text = texts_[static_cast<size_t>(id)];
      if (processor_.IsControl(id) || processor_.IsUnused(id)) continue;
      text = processor_.IsUnknown(id) ? kUnknownText : text_of_piece(processor_.IdToPiece(id));
    }
    for (int byte = 0; byte < 256; ++byte) {
      const int id = byte_id(static_cast<unsigned char>(byte));
      if (processor_.IsByte(id)) texts_[static_cast<size_t>(id)] = static_cast<char>(byte);
    }
  }

  /// The token that spells one byte, or the unknown token.
  int byte_id(unsigned char byte) const { return processor_.PieceToId(format("<0x%02X>", byte)); }

  /// Whether the model can spell the space mark in bytes, which keeps it apart from a space.
  bool find_space_mark_ids() {
    for (size_t i = 0; i < kSpaceMark.size(); ++i) {
      space_mark_ids_[i] = byte_id(static_cast<unsigned char>(kSpaceMark[i]));
      if (!processor_.IsByte(space_mark_ids_[i])) return false;
    }
    return true;
  }

  /// Where `text` can be cut without changing its tokens. The library takes five times as long for a document as for
  /// its lines.
  size_t part_length(std::string_view text) const {
    size_t length = text.size();
    if (splits_at_lines_) {
      const size_t line_break = std::min(text.find('\n'), length);
      length = std::min(text.find_first_not_of('\n', line_break), length);
    }
    if (spells_space_mark_) length = std::min(text.substr(0, length).find(kSpaceMark), length);
    return length <= kLongestPart ? length : end_of_long_part(text);
  }

  static size_t end_of_character(std::string_view text, size_t at) {
    const auto goes_on = [](char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; };
    while (at > 1 && goes_on(text[at])) --at;
    return at;
  }

  size_t end_of_long_part(std::string_view text) const {
    for (size_t at = kLongestPart; splits_at_words_ && at > kLongestPart / 2; --at) {
      if (text[at] == ' ' && text[at - 1] != ' ' && text.substr(at + 1, 1) != " ") return at;
    }
    return end_of_character(text, kLongestPart);
  }

  void append_part(std::string_view text, std::vector<int32_t>& ids) const {
    std::vector<int32_t> part;
    const auto status = processor_.Encode(text, &part);
    if (!status.ok()) throw Error(ExitCode::kData, "tokenizer: " + status.ToString());
    ids.insert(ids.end(), part.begin(), part.end());
  }

  std::string round_trip(std::string_view text) const {
    std::vector<int32_t> ids;
    append_part(text, ids);
    return text_of(ids);
  }

  const std::string& text_at(int32_t id) const {
    require(id >= 0 && id < vocab_size(), "token id outside the vocabulary");
    return texts_[static_cast<size_t>(id)];
  }

  std::string text_of(std::span<const int32_t> ids) const {
    std::string text;
    for (const int32_t id : ids) text += text_at(id);
    return text;
  }

  sentencepiece::SentencePieceProcessor processor_;
  std::vector<std::string> texts_;  ///< the bytes each token stands for
  std::array<int32_t, kSpaceMark.size()> space_mark_ids_{};
  bool adds_space_ = false;         ///< models such as Llama's put a space before every text
  bool spells_space_mark_ = false;  ///< the text's own space marks become byte tokens
  bool splits_at_lines_ = false;    ///< no token reaches from a line break into the next line
  bool splits_at_words_ = false;    ///< nor from a word into the next one
  uint64_t fingerprint_ = 0;
};

/// On some damaged models sentencepiece does not fail but crashes: the first attempt is that of a child.
void require_harmless(const std::string& path) {
  const pid_t child = ::fork();
  if (child < 0) return;
  if (child == 0) {
    for (const int signal : {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL}) std::signal(signal, SIG_DFL);
    ::alarm(30);
    const rlimit no_core_file{};
    ::setrlimit(RLIMIT_CORE, &no_core_file);
    const int silence = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    for (const int stream : {STDOUT_FILENO, STDERR_FILENO}) ::dup2(silence, stream);
    try {
      const SentencepieceTokenizer tokenizer(path);
      tokenizer.decode(tokenizer.encode("In the beginning, 1234 \xE4\xB8\xAD\xE6\x96\x87\n"));
    } catch (...) {  // told by the parent's attempt
    }
    ::_exit(0);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (status == 0) return;
  throw Error(ExitCode::kData, got_want(path, "a model that sentencepiece crashes on", "a sentencepiece model",
                                        "copy or train it again"));
}

}  // namespace

std::unique_ptr<Tokenizer> load_sentencepiece(const std::string& path) {
  require_harmless(path);
  return std::make_unique<SentencepieceTokenizer>(path);
}

}  // namespace mm
