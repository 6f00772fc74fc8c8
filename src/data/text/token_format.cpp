// Sources: llm.c, dev/data/data_common.py; nanoGPT, data/openwebtext/prepare.py; Megatron-LM,
// megatron/core/datasets/indexed_dataset.py.
#include "data/text/token_format.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <vector>

#include "core/error.h"
#include "core/files/files.h"
#include "core/text.h"
#include "tokenizer/tokenizer.h"

namespace mm {
namespace {

/// The number at byte `at`, which the caller knows to be there.
template <class T>
T number_at(std::string_view bytes, size_t at) {
  T number;
  std::memcpy(&number, bytes.data() + at, sizeof(number));
  return number;
}

uint32_t token_at(std::string_view file, size_t at, size_t width) {
  return width == sizeof(uint16_t) ? number_at<uint16_t>(file, at) : number_at<uint32_t>(file, at);
}

/// Which numbers are tokens, and which of them stand between documents.
struct TokenRange {
  uint32_t bos, eos;
  uint64_t vocab_size;

  bool ends_document(uint32_t token) const { return token == bos || token == eos; }
};

class TokenRecords : public TextFormat {
 public:
  TokenRecords(size_t begin, size_t width, const TokenRange& range) : begin_(begin), width_(width), range_(range) {}

  size_t first_record(std::string_view) const override { return begin_; }
  size_t record_end(std::string_view file, size_t begin) const override {
    size_t at = begin;
    while (at < file.size() && range_.ends_document(token_at(file, at, width_))) at += width_;
    while (at < file.size() && !range_.ends_document(token_at(file, at, width_))) at += width_;
    return at;
  }
  size_t token_bytes() const override { return width_; }
  std::unique_ptr<RecordReader> reader() const override { return std::make_unique<Reader>(width_, range_); }
  std::string wanted() const override {
    return "tokens below " + with_commas(static_cast<int64_t>(range_.vocab_size)) +
           ", which tokenizer.path has; name the tokenizer that they were made with";
  }

 private:
  class Reader final : public RecordReader {
   public:
    Reader(size_t width, const TokenRange& range) : width_(width), range_(range) {}

    RecordText read(std::string_view record, size_t) override {
      while (!record.empty() && range_.ends_document(token_at(record, 0, width_))) record.remove_prefix(width_);
      while (!record.empty() && range_.ends_document(token_at(record, record.size() - width_, width_))) {
        record.remove_suffix(width_);
      }
      if (record.empty()) return {.text = {}, .blank = true};
      for (size_t at = 0; at < record.size(); at += width_) {
        const uint32_t token = token_at(record, at, width_);
        if (token >= range_.vocab_size) {
          return {.text = {},
                  .problem = "a document with the token " + with_commas(static_cast<int64_t>(token)),
                  .kind = BadLine::kToken};
        }
      }
      return {.text = record};
    }

   private:
    size_t width_;
    TokenRange range_;
  };

  size_t begin_, width_;
  TokenRange range_;
};

/// Ends of documents come from an index.
class IndexedTokens final : public TokenRecords {
 public:
  IndexedTokens(size_t width, const TokenRange& range, std::vector<size_t> ends)
      : TokenRecords(0, width, range), ends_(std::move(ends)) {}

  size_t record_end(std::string_view file, size_t begin) const override {
    const auto end = std::upper_bound(ends_.begin(), ends_.end(), begin);
    return end == ends_.end() ? file.size() : *end;
  }

 private:
  std::vector<size_t> ends_;  ///< in bytes, ascending
};

[[noreturn]] void fail(const std::string& path, const std::string& got, const std::string& want) {
  throw Error(ExitCode::kData, got_want(path, got, want, "make it again, or name the text that it was made from"));
}

TokenRange range_of(const std::string& path, const Reading& reading) {
  if (reading.tokenizer == nullptr) {
    throw Error(ExitCode::kData,
                got_want(path, "tokens, not text", "text",
                         "a tokenizer is not trained on tokens; name the one that they were made with in "
                         "tokenizer.path, with tokenizer.train=false"));
  }
  return {.bos = static_cast<uint32_t>(reading.tokenizer->bos_id()),
          .eos = static_cast<uint32_t>(reading.tokenizer->eos_id()),
          .vocab_size = static_cast<uint64_t>(reading.tokenizer->vocab_size())};
}

/// 256 numbers of 32 bits: a magic one, a version, how many tokens follow.
struct LlmcKind {
  uint32_t magic, version;
  size_t width;
};
constexpr LlmcKind kLlmcKinds[] = {{20240520, 1, sizeof(uint16_t)}, {20240801, 7, sizeof(uint32_t)}};
constexpr size_t kLlmcHeader = 256 * sizeof(uint32_t);

std::unique_ptr<TextFormat> recognize_llmc(const std::string& path, std::string_view file, const Reading& reading) {
  if (file.size() < kLlmcHeader) return nullptr;
  for (const LlmcKind& kind : kLlmcKinds) {
    if (number_at<uint32_t>(file, 0) != kind.magic) continue;
    const auto version = number_at<uint32_t>(file, sizeof(uint32_t));
    const uint64_t tokens = number_at<uint32_t>(file, 2 * sizeof(uint32_t));
    if (version != kind.version) {
      fail(path, format("tokens of llm.c in version %u", version), format("version %u", kind.version));
    }
    if (file.size() != kLlmcHeader + tokens * kind.width) {
      fail(path,
           format("%zu bytes for %s tokens of llm.c", file.size(), with_commas(static_cast<int64_t>(tokens)).c_str()),
           format("%llu", static_cast<unsigned long long>(kLlmcHeader + tokens * kind.width)));
    }
    return std::make_unique<TokenRecords>(kLlmcHeader, kind.width, range_of(path, reading));
  }
  return nullptr;
}

constexpr std::string_view kIndexMark{"MMIDIDX\0\0", 9};

}  // namespace

/// The mark, a version (u64), the type of the tokens (u8), how many sequences (u64) and documents + 1 (u64); the length
/// of each sequence (i32), where it begins in bytes (i64), the first sequence of each document and their number (i64).
std::unique_ptr<TextFormat> tokens_by_index(const std::string& index_path, std::string_view index,
                                            const std::string& path, std::string_view file, const Reading& reading) {
  constexpr size_t kType = 17, kSequences = 18, kDocuments = 26, kLengths = 34;
  constexpr uint8_t kInt32 = 4, kUint16 = 8;
  if (index.size() < kLengths || !index.starts_with(kIndexMark) || number_at<uint64_t>(index, kIndexMark.size()) != 1) {
    fail(index_path, "no index of version 1", "one of Megatron");
  }
  const auto type = number_at<uint8_t>(index, kType);
  if (type != kInt32 && type != kUint16) {
    fail(index_path, format("numbers of type %d", type), "tokens of 16 (type 8) or 32 bits (type 4)");
  }
  const size_t width = type == kUint16 ? sizeof(uint16_t) : sizeof(uint32_t);
  const auto sequences = number_at<uint64_t>(index, kSequences), documents = number_at<uint64_t>(index, kDocuments);
  // Each is bounded by the size before anything is multiplied with it.
  const bool fits = sequences <= index.size() / 12 && documents <= index.size() / 8 &&
                    index.size() == kLengths + 12 * sequences + 8 * documents;
  if (!fits) fail(index_path, "a size that is not that of its numbers", "a whole index");
  const size_t begins_at = kLengths + 4 * sequences, documents_at = begins_at + 8 * sequences;
  std::vector<size_t> ends;
  for (uint64_t i = 1; i < documents; ++i) {
    const auto sequence = number_at<uint64_t>(index, documents_at + 8 * i);
    if (sequence > sequences) fail(index_path, "a document beyond its sequences", "a whole index");
    const size_t end = sequence == sequences ? file.size() : number_at<uint64_t>(index, begins_at + 8 * sequence);
    if (end > file.size() || end % width != 0 || (!ends.empty() && end < ends.back())) {
      fail(index_path, format("a document that ends at byte %zu of %zu", end, file.size()), "the index of " + path);
    }
    ends.push_back(end);
  }
  return std::make_unique<IndexedTokens>(width, range_of(path, reading), std::move(ends));
}

namespace {

std::unique_ptr<TextFormat> recognize_megatron(const std::string& path, std::string_view file, const Reading& reading) {
  const std::string index_path = std::filesystem::path(path).replace_extension(".idx").string();
  if (path_kind(index_path, ExitCode::kData) != PathKind::kFile) return nullptr;
  const MappedFile mapped(index_path, ExitCode::kData);
  const std::string_view index(reinterpret_cast<const char*>(mapped.bytes().data()), mapped.bytes().size());
  if (!index.starts_with(kIndexMark)) return nullptr;
  return tokens_by_index(index_path, index, path, file, reading);
}

}  // namespace

std::unique_ptr<TextFormat> recognize_tokens(const std::string& path, std::string_view file, const Reading& reading) {
  if (!path.ends_with(".bin")) return nullptr;
  std::unique_ptr<TextFormat> format_of_file = recognize_llmc(path, file, reading);
  if (!format_of_file) format_of_file = recognize_megatron(path, file, reading);
  if (!format_of_file && reading.bin_token_bytes > 0) {
    format_of_file = std::make_unique<TokenRecords>(0, reading.bin_token_bytes, range_of(path, reading));
  }
  if (!format_of_file) return nullptr;
  const size_t width = format_of_file->token_bytes();
  if (file.size() % width != 0) {
    fail(path, format("%zu bytes", file.size()), format("whole tokens of %zu bytes", width));
  }
  return format_of_file;
}

}  // namespace mm
