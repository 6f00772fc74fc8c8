// Finds or builds the token file of a text file.
#include "data/token_store.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <future>
#include <optional>
#include <thread>

#include "core/error.h"
#include "core/log.h"
#include "core/progress.h"
#include "core/text.h"
#include "data/jsonl.h"

namespace mm {
namespace {

namespace fs = std::filesystem;

/// Large enough that threads rarely wait for each other, small enough that many of them fit into memory.
constexpr size_t kPartBytes = size_t{4} << 20;
constexpr size_t kMaxThreads = 16;

template <class Id>
struct EncodedPart {
  TokenBuffer<Id> tokens;
  std::vector<uint64_t> ends;
  JsonlCounts counts;
};

template <class Id>
EncodedPart<Id> encode_part(const JsonlFile& text_file, size_t begin, size_t end, const Tokenizer& tokenizer,
                            TextEncoder<Id>& encoder) {
  EncodedPart<Id> part;
  part.counts = text_file.visit(begin, end, [&](std::string_view text) {
    part.tokens.push_back(static_cast<Id>(tokenizer.bos_id()));
    encoder.encode_into(text, part.tokens);
    part.tokens.push_back(static_cast<Id>(tokenizer.eos_id()));
    part.ends.push_back(part.tokens.size());
  });
  return part;
}

/// Encodes as many parts at a time as there are encoders, and writes them in the order of the file.
template <class Id>
JsonlCounts write_parts(const JsonlFile& text_file, const Tokenizer& tokenizer,
                        std::span<const std::unique_ptr<TextEncoder<Id>>> encoders, TokenFileWriter& writer) {
  JsonlCounts counts;
  size_t begin = 0;
  const std::vector<size_t> ends = text_file.cut(kPartBytes);
  Progress progress("tokenizing " + text_file.path(), static_cast<double>(text_file.bytes().size()));
  for (size_t first = 0; first < ends.size(); first += encoders.size()) {
    std::vector<std::future<EncodedPart<Id>>> parts;
    for (size_t i = first; i < std::min(first + encoders.size(), ends.size()); ++i) {
      parts.push_back(std::async(std::launch::async, encode_part<Id>, std::cref(text_file), begin, ends[i],
                                 std::cref(tokenizer), std::ref(*encoders[i - first])));
      begin = ends[i];
    }
    progress.done(first > 0 ? static_cast<double>(ends[first - 1]) : 0);
    for (std::future<EncodedPart<Id>>& future : parts) {
      const EncodedPart<Id> part = future.get();
      writer.add(part.tokens.ids(), part.ends);
      counts += part.counts;
    }
  }
  return counts;
}

void build(const JsonlFile& text_file, const std::string& store_path, const TokenFileHeader& header,
           const Tokenizer& tokenizer) {
  const auto start = std::chrono::steady_clock::now();
  const size_t threads = std::clamp<size_t>(std::thread::hardware_concurrency(), 1, kMaxThreads);
  TokenFileWriter writer(store_path, header);
  JsonlCounts counts;
  if (tokenizer.vocab_size() <= kNarrowVocabulary) {
    std::vector<std::unique_ptr<TextEncoder<uint16_t>>> encoders(threads);
    for (auto& encoder : encoders) encoder = tokenizer.narrow_encoder();
    counts = write_parts<uint16_t>(text_file, tokenizer, encoders, writer);
  } else {
    std::vector<std::unique_ptr<TextEncoder<int32_t>>> encoders(threads);
    for (auto& encoder : encoders) encoder = tokenizer.encoder();
    counts = write_parts<int32_t>(text_file, tokenizer, encoders, writer);
  }
  const auto tokens = static_cast<int64_t>(writer.tokens());
  writer.commit();

  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  std::string line =
      "tokenized " + text_file.path() + ": " + with_commas(counts.documents) + " documents, " +
      short_count(static_cast<double>(tokens)) + " tokens, " +
      format("%.1f", static_cast<double>(counts.text_bytes) / static_cast<double>(std::max<int64_t>(tokens, 1))) +
      " bytes/token in " + short_seconds(elapsed.count());
  if (counts.empty_texts > 0) line += "; " + with_commas(counts.empty_texts) + " empty texts passed over";
  log_info(line);
}

std::string store_path_of(const std::string& text_path, const std::string& cache, const Tokenizer& tokenizer) {
  const fs::path text(text_path);
  const fs::path folder = cache.empty() ? text.parent_path() : fs::path(cache);
  return (folder / (text.stem().string() + "." + hex64(tokenizer.fingerprint()) + ".tokens")).string();
}

}  // namespace

TokenStore TokenStore::open(const std::string& text_path, const std::string& cache, const Tokenizer& tokenizer) {
  const JsonlFile text_file(text_path);
  const TokenFileHeader header = token_file_header(text_file.bytes(), tokenizer.fingerprint(), tokenizer.vocab_size());
  const std::string store_path = store_path_of(text_path, cache, tokenizer);

  const auto open_checked = [&](std::string& problem) -> std::optional<TokenStore> {
    MappedFile file(store_path, ExitCode::kData);
    const std::optional<TokenFileView> view = check_token_file(file.bytes(), header, problem);
    if (!view) return {};
    return TokenStore(text_path, hash64(std::as_bytes(std::span(&header, 1))), std::move(file), *view);
  };

  std::string problem;
  std::error_code ignored;
  if (fs::exists(store_path, ignored)) {
    if (std::optional<TokenStore> store = open_checked(problem)) return std::move(*store);
    log_info(store_path + " is " + problem + " and will be built again");
  }
  try {
    build(text_file, store_path, header, tokenizer);
  } catch (const Error& error) {
    if (error.code() != ExitCode::kStorage) throw;
    throw Error(ExitCode::kStorage, std::string(error.what()) + "; data.cache names another folder for token files");
  }
  std::optional<TokenStore> store = open_checked(problem);
  if (!store) {
    throw Error(ExitCode::kStorage, got_want(store_path, "a file that is " + problem + " right after it was written",
                                             "a disk that keeps what is written", "set data.cache to another folder"));
  }
  return std::move(*store);
}

void TokenStore::read(int64_t begin, int64_t count, int64_t* out) const {
  const auto first = static_cast<size_t>(begin);
  const auto length = static_cast<size_t>(count);
  if (view_.wide_tokens.empty()) {
    std::ranges::copy(view_.narrow_tokens.subspan(first, length), out);
  } else {
    std::ranges::copy(view_.wide_tokens.subspan(first, length), out);
  }
}

}  // namespace mm
