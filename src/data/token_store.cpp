// Finds or builds the parts that hold the tokens of a text file.
#include "data/token_store.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <thread>

#include "core/alive.h"
#include "core/error.h"
#include "core/leftovers.h"
#include "core/log.h"
#include "core/machine.h"
#include "core/run_lock.h"
#include "core/text.h"

namespace mm {
namespace {

namespace fs = std::filesystem;

/// In a common cache, files of one name from several folders.
std::string folder_of_store(const std::string& text_path, const std::string& cache, uint64_t identity) {
  const fs::path text(text_path);
  std::error_code ignored;
  const std::string home = fs::weakly_canonical(text, ignored).parent_path().string();
  const std::string place = cache.empty() ? "" : "." + hex64(hash64(home)).substr(0, 8);
  const fs::path folder = cache.empty() ? text.parent_path() : fs::path(cache);
  return (folder / (text.filename().string() + place + "." + hex64(identity) + ".tokens")).string();
}

/// Up to now a store was one file, named without the ending of the text.
void remove_older_store(const std::string& text_path, const std::string& folder, const Tokenizer& tokenizer) {
  const std::string name = fs::path(text_path).stem().string() + "." + hex64(tokenizer.fingerprint()) + ".tokens";
  const fs::path older = fs::path(folder).parent_path() / name;
  std::error_code ignored;
  if (fs::is_regular_file(older, ignored)) fs::remove(older, ignored);
}

/// Opens the parts in order; those that are not good are left out, with what is wrong with how many in `problems`.
std::vector<std::optional<TokenPart>> open_parts(const std::vector<PartPlan>& plans,
                                                 std::map<std::string, int64_t>& problems) {
  std::vector<std::optional<TokenPart>> parts;
  problems.clear();
  for (const PartPlan& plan : plans) {
    std::string problem;
    parts.push_back(open_part(plan, problem));
    if (!parts.back()) ++problems[problem];
  }
  return parts;
}

/// Whatever else is in the folder: parts of a text that was longer, and what killed processes were writing.
void remove_surplus(const std::string& folder, const std::vector<PartPlan>& plans) {
  remove_leftover_files(folder);
  std::set<std::string> wanted;
  for (const PartPlan& plan : plans) wanted.insert(fs::path(plan.path).filename().string());
  std::error_code failed;
  for (fs::directory_iterator entry(folder, failed), end; !failed && entry != end; entry.increment(failed)) {
    const fs::path path = entry->path();
    std::error_code ignored;
    if (path.extension() == ".part" && !wanted.contains(path.filename().string())) fs::remove(path, ignored);
  }
}

void log_build(const TextFile& text, const TextCounts& counts, int64_t tokens, size_t built, size_t all,
               double seconds) {
  std::string line =
      "tokenized " + text.path() + ": " + with_commas(counts.documents) + " documents, " +
      short_count(static_cast<double>(tokens)) + " tokens, " +
      format("%.1f", static_cast<double>(counts.text_bytes) / static_cast<double>(std::max<int64_t>(tokens, 1))) +
      " bytes/token in " + short_seconds(seconds);
  if (built < all) line += format("; %zu of %zu parts were there", all - built, all);
  log_info(line);
  for (const std::string& example : counts.examples) log_warning(example + "; passed over");
}

/// What the text holds besides documents is said at every start; too much of it is an error.
void judge(const TextFile& text, const std::vector<TokenPart>& parts) {
  constexpr uint64_t kFew = 10, kOneIn = 100;
  TokenFileFooter sum;
  for (const TokenPart& part : parts) {
    const TokenFileFooter& footer = part.view.footer;
    sum.documents += footer.documents;
    sum.empty_texts += footer.empty_texts;
    sum.bad_lines += footer.bad_lines;
    sum.lone_surrogates += footer.lone_surrogates;
  }
  const auto count = [](uint64_t number) { return with_commas(static_cast<int64_t>(number)); };
  if (sum.bad_lines > kFew && sum.bad_lines * kOneIn > sum.documents) {
    throw Error(
        ExitCode::kData,
        got_want(text.path(), count(sum.bad_lines) + " bad records beside " + count(sum.documents) + " good ones",
                 "at most one in " + std::to_string(kOneIn), "look at the file"));
  }
  std::vector<std::string> words;
  if (sum.bad_lines > 0) words.push_back(count(sum.bad_lines) + " bad records passed over");
  if (sum.empty_texts > 0) words.push_back(count(sum.empty_texts) + " empty texts passed over");
  if (sum.lone_surrogates > 0) words.push_back(count(sum.lone_surrogates) + " lone surrogates read as U+FFFD");
  if (!words.empty()) log_info("text      " + text.path() + ": " + join(words, ", "));
}

/// Makes the parts that are not good, unless another process was quicker.
void build_missing(const TextFile& text, const std::string& folder, const std::vector<PartPlan>& plans,
                   const Tokenizer& tokenizer, int threads) {
  bool waiting = false;
  const RunLock lock(folder, [&](const std::string& holder) {
    if (!waiting) log_info("waiting for " + holder + ", which tokenizes " + text.path());
    waiting = true;
    still_going();  // it has a watchdog of its own
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  });
  remove_surplus(folder, plans);
  std::vector<PartPlan> wanted;
  for (const PartPlan& plan : plans) {
    std::string problem;
    if (!open_part(plan, problem)) wanted.push_back(plan);
  }
  if (wanted.empty()) return;
  const auto start = std::chrono::steady_clock::now();
  const TextCounts counts = build_parts(text, wanted, tokenizer, threads);
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  int64_t tokens = 0;
  for (const PartPlan& plan : wanted) {
    std::string problem;
    if (const auto part = open_part(plan, problem)) {
      tokens += part->view.ends.empty() ? 0 : static_cast<int64_t>(part->view.ends.back());
    }
  }
  log_build(text, counts, tokens, wanted.size(), plans.size(), elapsed.count());
}

}  // namespace

TokenStore TokenStore::open(const std::string& text_path, const std::string& cache, const Tokenizer& tokenizer,
                            int threads, const Reading& reading) {
  const TextFile text(text_path, reading);
  const uint64_t identity = tokens_identity(tokenizer, reading);
  const std::string folder = folder_of_store(text_path, cache, identity);
  const std::vector<PartPlan> plans = plan_parts(text, folder, tokenizer);
  std::map<std::string, int64_t> problems;
  std::vector<std::optional<TokenPart>> parts = open_parts(plans, problems);
  if (!problems.empty()) {
    for (const auto& [problem, count] : problems) {
      if (problem != "missing") {
        log_info(folder + format(": %lld of %zu parts", static_cast<long long>(count), plans.size()) +
                 (count == 1 ? " is " : " are ") + problem + " and will be built again");
      }
    }
    try {
      build_missing(text, folder, plans, tokenizer, threads > 0 ? threads : usable_processors());
    } catch (const Error& error) {
      if (error.code() != ExitCode::kStorage) throw;
      throw Error(ExitCode::kStorage, std::string(error.what()) + "; data.cache names another folder for token files");
    }
    remove_older_store(text_path, folder, tokenizer);
    parts = open_parts(plans, problems);
  }
  if (!problems.empty()) {
    throw Error(ExitCode::kStorage,
                got_want(folder, "parts that are " + problems.begin()->first + " right after they were written",
                         "a disk that keeps what is written", "set data.cache to another folder"));
  }
  std::vector<TokenPart> opened;
  opened.reserve(parts.size());
  for (std::optional<TokenPart>& part : parts) opened.push_back(std::move(*part));
  judge(text, opened);
  const uint64_t fingerprint =
      tokens_fingerprint(text.bytes().size(), hash64(text.bytes()), identity, tokenizer.vocab_size());
  return TokenStore(text_path, fingerprint, std::move(opened));
}

TokenStore::TokenStore(std::string text_path, uint64_t fingerprint, std::vector<TokenPart> parts)
    : text_path_(std::move(text_path)), fingerprint_(fingerprint), parts_(std::move(parts)) {
  size_t documents = 0;
  for (const TokenPart& part : parts_) documents += part.view.ends.size();
  ends_.reserve(documents);
  hashes_.reserve(documents);
  for (const TokenPart& part : parts_) {
    const int64_t before = tokens();
    part_begins_.push_back(before);
    for (const uint64_t end : part.view.ends) ends_.push_back(before + static_cast<int64_t>(end));
    hashes_.insert(hashes_.end(), part.view.hashes.begin(), part.view.hashes.end());
  }
}

int64_t TokenStore::document_at(int64_t position) const {
  return std::upper_bound(ends_.begin(), ends_.end(), position) - ends_.begin();
}

void TokenStore::read(int64_t begin, int64_t count, int64_t* out) const {
  auto part =
      static_cast<size_t>(std::upper_bound(part_begins_.begin(), part_begins_.end(), begin) - part_begins_.begin()) - 1;
  for (; count > 0; ++part) {
    const TokenFileView& view = parts_[part].view;
    const auto first = static_cast<size_t>(begin - part_begins_[part]);
    const size_t length =
        std::min(static_cast<size_t>(count), view.narrow_tokens.size() + view.wide_tokens.size() - first);
    if (view.wide_tokens.empty()) {
      std::ranges::copy(view.narrow_tokens.subspan(first, length), out);
    } else {
      std::ranges::copy(view.wide_tokens.subspan(first, length), out);
    }
    begin += static_cast<int64_t>(length);
    count -= static_cast<int64_t>(length);
    out += length;
  }
}

}  // namespace mm
