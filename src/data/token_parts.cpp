// Threads take one part after the other, so that a slow one holds up nobody.
#include "data/token_parts.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <filesystem>
#include <memory>
#include <mutex>
#include <thread>

#include "core/error.h"
#include "core/hash.h"
#include "core/progress.h"
#include "core/text.h"

namespace mm {
namespace {

/// Of text. Small enough that little is lost when a process is killed and that many threads have work; twice as large
/// as long as there are too many, for all of them are open at once.
size_t part_bytes_for(size_t text_bytes) {
  constexpr size_t kLeast = size_t{16} << 20, kMostParts = 128;
  size_t bytes = kLeast;
  while (text_bytes / bytes >= kMostParts) bytes *= 2;
  return bytes;
}

template <class Id>
std::unique_ptr<TextEncoder<Id>> encoder_of(const Tokenizer& tokenizer) {
  if constexpr (std::is_same_v<Id, uint16_t>) {
    return tokenizer.narrow_encoder();
  } else {
    return tokenizer.encoder();
  }
}

/// What one thread works in, part after part.
template <class Id>
class PartBuilder {
 public:
  PartBuilder(const TextFile& text, const Tokenizer& tokenizer, std::atomic<size_t>& done)
      : text_(text), tokenizer_(tokenizer), done_(done), encoder_(encoder_of<Id>(tokenizer)) {}

  TextCounts build(const PartPlan& part) {
    tokens_.clear();
    ends_.clear();
    hashes_.clear();
    size_t told = 0;
    const TextCounts counts = text_.visit(part.begin, part.end, [&](std::string_view text) {
      tokens_.push_back(static_cast<Id>(tokenizer_.bos_id()));
      encoder_->encode_into(text, tokens_);
      tokens_.push_back(static_cast<Id>(tokenizer_.eos_id()));
      ends_.push_back(tokens_.size());
      hashes_.push_back(hash64(text));
      told += text.size();
      done_.fetch_add(text.size(), std::memory_order_relaxed);
    });
    TokenFileWriter writer(part.path, part.header);
    writer.add(tokens_.ids(), ends_, hashes_);
    writer.count(counts);
    writer.commit();
    done_.fetch_add(part.end - part.begin - told, std::memory_order_relaxed);  // what JSON adds to the texts
    return counts;
  }

 private:
  const TextFile& text_;
  const Tokenizer& tokenizer_;
  std::atomic<size_t>& done_;  // bytes of the text, of all threads
  std::unique_ptr<TextEncoder<Id>> encoder_;
  TokenBuffer<Id> tokens_;
  std::vector<uint64_t> ends_, hashes_;
};

/// Several threads at the parts, and this one, which tells how far they are.
template <class Id>
TextCounts build_all(const TextFile& text, const std::vector<PartPlan>& parts, const Tokenizer& tokenizer,
                     int threads) {
  size_t bytes = 0;
  for (const PartPlan& part : parts) bytes += part.end - part.begin;
  Progress progress("tokenizing " + text.path(), static_cast<double>(bytes));
  std::atomic<size_t> done = 0;
  std::vector<TextCounts> counts(parts.size());
  std::vector<std::exception_ptr> problems(parts.size());
  std::atomic<size_t> next = 0;
  std::atomic<bool> failed = false;

  std::mutex mutex;
  std::condition_variable changed;
  size_t working = std::min(static_cast<size_t>(threads), parts.size());
  const auto work = [&] {
    std::optional<PartBuilder<Id>> builder;
    for (size_t i = next++; i < parts.size() && !failed; i = next++) {
      try {
        if (!builder) builder.emplace(text, tokenizer, done);
        counts[i] = builder->build(parts[i]);
      } catch (...) {
        problems[i] = std::current_exception();
        failed = true;
      }
    }
    const std::lock_guard lock(mutex);
    --working;
    changed.notify_one();
  };
  std::vector<std::jthread> workers;
  for (size_t count = working; count > 0; --count) workers.emplace_back(work);
  {
    std::unique_lock lock(mutex);
    while (!changed.wait_for(lock, std::chrono::milliseconds(200), [&] { return working == 0; })) {
      progress.done(static_cast<double>(done.load(std::memory_order_relaxed)));
    }
  }
  workers.clear();

  for (const std::exception_ptr& problem : problems) {
    if (problem) std::rethrow_exception(problem);
  }
  TextCounts sum;
  for (const TextCounts& part : counts) sum += part;
  return sum;
}

}  // namespace

uint64_t tokens_identity(const Tokenizer& tokenizer, const Reading& reading) {
  if (reading.text_key == Reading().text_key) return tokenizer.fingerprint();
  Hasher hasher;
  hasher.add(std::as_bytes(std::span(reading.text_key)));
  const uint64_t fingerprint = tokenizer.fingerprint();
  hasher.add(std::as_bytes(std::span(&fingerprint, 1)));
  return hasher.value();
}

std::vector<PartPlan> plan_parts(const TextFile& text, const std::string& folder, const Tokenizer& tokenizer) {
  const uint64_t fingerprint = tokens_identity(tokenizer, text.reading());
  std::vector<PartPlan> parts;
  size_t begin = 0;
  for (const size_t end : text.cut(part_bytes_for(text.bytes().size()))) {
    parts.push_back({.path = folder + format("/%06zu.part", parts.size()),
                     .begin = begin,
                     .end = end,
                     .header = token_file_header(text.bytes().subspan(begin, end - begin), begin, fingerprint,
                                                 tokenizer.vocab_size()),
                     .may_have_bad_lines = text.reading().skip_bad_lines});
    begin = end;
  }
  return parts;
}

std::optional<TokenPart> open_part(const PartPlan& plan, std::string& problem) {
  problem = "missing";
  if (path_kind(plan.path, ExitCode::kData) != PathKind::kFile) return {};
  MappedFile file(plan.path, ExitCode::kData);
  const std::optional<TokenFileView> view = check_token_file(file.bytes(), plan.header, problem);
  if (!view) return {};
  if (view->footer.bad_lines > 0 && !plan.may_have_bad_lines) {
    problem = "stale";
    return {};
  }
  return TokenPart{std::move(file), *view};
}

TextCounts build_parts(const TextFile& text, const std::vector<PartPlan>& parts, const Tokenizer& tokenizer,
                       int threads) {
  if (tokenizer.vocab_size() <= kNarrowVocabulary) return build_all<uint16_t>(text, parts, tokenizer, threads);
  return build_all<int32_t>(text, parts, tokenizer, threads);
}

}  // namespace mm
