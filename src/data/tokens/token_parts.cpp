// Where the parts of a text lie, what makes them good, and how one is made.
#include "data/tokens/token_parts.h"

#include <cstring>
#include <filesystem>
#include <set>

#include "core/error.h"
#include "core/files/leftovers.h"
#include "core/hash.h"
#include "core/process/stop_signal.h"
#include "core/text.h"
#include "data/text/files/text_paths.h"
#include "data/text/json_line.h"

namespace mm {
namespace {

namespace fs = std::filesystem;

/// Twice as large as long as there are too many: all parts of a store may be open at once.
size_t part_bytes_for(size_t text_bytes, size_t part_bytes) {
  constexpr size_t kMostParts = 512;
  while (text_bytes / part_bytes >= kMostParts) part_bytes *= 2;
  return part_bytes;
}

Reading with_tokenizer(Reading reading, const Tokenizer& tokenizer) {
  reading.tokenizer = &tokenizer;
  return reading;
}

ControlNames names_in_text(const Reading& reading) {
  return reading.special_tokens == SpecialTokensInText::kText ? ControlNames::kText : ControlNames::kParse;
}

/// Whether what stands between the messages of a chat are tokens of their own.
bool has_chat_marks(const Tokenizer& tokenizer) {
  return tokenizer.count_control_names(kChatBegin) == 1 && tokenizer.count_control_names(kChatEnd) == 1;
}

template <class Id>
std::unique_ptr<TextEncoder<Id>> encoder_of(const Tokenizer& tokenizer, ControlNames names) {
  if constexpr (std::is_same_v<Id, uint16_t>) {
    return tokenizer.narrow_encoder(names);
  } else {
    return tokenizer.encoder(names);
  }
}

template <class Id>
class MakerOf final : public PartMaker {
 public:
  MakerOf(const Tokenizer& tokenizer, const Reading& reading, std::atomic<size_t>& done)
      : tokenizer_(tokenizer), done_(done), encoder_(encoder_of<Id>(tokenizer, names_in_text(reading))) {
    if (names_in_text(reading) == ControlNames::kText && has_chat_marks(tokenizer)) {
      mark_encoder_ = encoder_of<Id>(tokenizer, ControlNames::kParse);
    }
  }

  TextCounts make(const PartedText& text, size_t part, const TokenFileHeader& header, std::stop_token stop) override {
    const PartPlan& plan = text.parts[part];
    tokens_.clear();
    ends_.clear();
    hashes_.clear();
    size_t told = 0;
    const TextCounts counts = text.text.visit(plan.begin, plan.end, [&](const Document& document) {
      if (stop.stop_requested()) throw StopRequested();
      tokens_.push_back(static_cast<Id>(tokenizer_.bos_id()));
      if (const size_t width = text.text.token_bytes(); width > 0) {
        append_ready(document, width);
      } else {
        encode(document);
      }
      tokens_.push_back(static_cast<Id>(tokenizer_.eos_id()));
      ends_.push_back(tokens_.size());
      hashes_.push_back(hash64(document.text));
      told += document.text.size();
      done_.fetch_add(document.text.size(), std::memory_order_relaxed);
    });
    TokenFileWriter writer(plan.path, header);
    writer.add(tokens_.ids(), ends_, hashes_);
    writer.count(counts);
    writer.commit();
    done_.fetch_add(plan.end - plan.begin - told, std::memory_order_relaxed);  // what JSON adds to the texts
    return counts;
  }

 private:
  void encode(const Document& document) {
    if (document.marks.empty() || !mark_encoder_) return encoder_->encode_into(document, tokens_);
    for_pieces(document, [&](std::string_view piece, bool is_mark) {
      (is_mark ? mark_encoder_ : encoder_)->encode_into(piece, tokens_);
    });
  }

  /// Of numbers that are tokens, as their reader saw.
  void append_ready(std::string_view numbers, size_t width) {
    Id* out = tokens_.room(numbers.size() / width);
    for (size_t at = 0; at < numbers.size(); at += width) {
      uint32_t token = 0;  // little-endian, as token files are
      std::memcpy(&token, numbers.data() + at, width);
      *out++ = static_cast<Id>(token);
    }
    tokens_.keep(out);
  }

  const Tokenizer& tokenizer_;
  std::atomic<size_t>& done_;
  std::unique_ptr<TextEncoder<Id>> encoder_;
  std::unique_ptr<TextEncoder<Id>> mark_encoder_;  ///< where marks are tokens and their names in a text are not
  TokenBuffer<Id> tokens_;
  std::vector<uint64_t> ends_, hashes_;
};

}  // namespace

uint64_t tokens_identity(const Tokenizer& tokenizer, const Reading& reading) {
  const uint64_t fingerprint = tokenizer.fingerprint();
  // Of what was always so, and of what changes nothing, nothing is said.
  std::vector<std::string> differences;
  if (reading.text_key != Reading().text_key) differences.push_back(reading.text_key);
  if (tokenizer.has_control_names() && reading.special_tokens == SpecialTokensInText::kText) {
    differences.push_back("control names are text");
  }
  if (reading.special_tokens == SpecialTokensInText::kText && is_chat_key(reading.text_key) &&
      has_chat_marks(tokenizer)) {
    differences.push_back("marks between messages are tokens");
  }
  if (tokenizer.has_control_names() && reading.special_tokens == SpecialTokensInText::kReject) {
    differences.push_back("control names are refused");
  }
  if (reading.bin_token_bytes > 0) differences.push_back(format("tokens of %zu bytes", reading.bin_token_bytes));
  if (differences.empty()) return fingerprint;
  Hasher hasher;
  for (const std::string& difference : differences) hasher.add(std::as_bytes(std::span(difference)));
  hasher.add(std::as_bytes(std::span(&fingerprint, 1)));
  return hasher.value();
}

std::string folder_of_parts(const std::string& text_path, const std::string& cache, uint64_t identity) {
  return place_beside(text_path, cache, "." + hex64(identity) + ".tokens");
}

PartedText::PartedText(const std::string& path, const std::string& cache, const Tokenizer& tokenizer,
                       const Reading& reading)
    : text(path, with_tokenizer(reading, tokenizer)),
      identity(tokens_identity(tokenizer, reading)),
      folder(folder_of_parts(path, cache, identity)) {
  size_t begin = 0;
  for (const size_t end : text.cut(part_bytes_for(text.bytes().size(), reading.part_bytes))) {
    parts.push_back({.path = folder + format("/%06zu.part", parts.size()), .begin = begin, .end = end});
    begin = end;
  }
}

TokenFileHeader part_header(const PartedText& text, size_t part, const Tokenizer& tokenizer) {
  const PartPlan& plan = text.parts[part];
  return token_file_header(text.text.bytes().subspan(plan.begin, plan.end - plan.begin), plan.begin, text.identity,
                           tokenizer.vocab_size());
}

std::optional<TokenPart> open_part(const PartedText& text, size_t part, const TokenFileHeader& header,
                                   std::string& problem) {
  const std::string& path = text.parts[part].path;
  problem = "missing";
  if (path_kind(path, ExitCode::kData) != PathKind::kFile) return {};
  MappedFile file(path, ExitCode::kData);
  const std::optional<TokenFileView> view = check_token_file(file.bytes(), header, problem);
  if (!view) return {};
  // One that passed over bad lines is of no use to who wants none.
  if (view->contents.bad_lines.total() > 0 && !text.text.reading().skip_bad_lines) {
    problem = "stale";
    return {};
  }
  return TokenPart{std::move(file), *view};
}

void remove_surplus(const PartedText& text, const Tokenizer& tokenizer) {
  remove_leftover_files(text.folder);
  std::set<std::string> wanted;
  for (const PartPlan& plan : text.parts) wanted.insert(fs::path(plan.path).filename().string());
  std::error_code failed;
  for (fs::directory_iterator entry(text.folder, failed), end; !failed && entry != end; entry.increment(failed)) {
    const fs::path path = entry->path();
    std::error_code ignored;
    if (path.extension() == ".part" && !wanted.contains(path.filename().string())) fs::remove(path, ignored);
  }
  // A store was one file once, named without the ending of the text.
  const std::string name =
      fs::path(text.text.path()).stem().string() + "." + hex64(tokenizer.fingerprint()) + ".tokens";
  const fs::path older = fs::path(text.folder).parent_path() / name;
  std::error_code ignored;
  if (fs::is_regular_file(older, ignored)) fs::remove(older, ignored);
}

std::unique_ptr<PartMaker> make_part_maker(const Tokenizer& tokenizer, const Reading& reading,
                                           std::atomic<size_t>& done) {
  if (tokenizer.vocab_size() > kNarrowVocabulary) return std::make_unique<MakerOf<int32_t>>(tokenizer, reading, done);
  return std::make_unique<MakerOf<uint16_t>>(tokenizer, reading, done);
}

}  // namespace mm
