// A store is the parts of a text, one behind the other.
#include "data/tokens/token_store.h"

#include <algorithm>
#include <numeric>

#include "core/error.h"
#include "core/process/machine.h"
#include "core/terminal/log.h"
#include "core/text.h"
#include "data/tokens/part_builder.h"

namespace mm {

void judge_text(const TextFile& text, const TextContents& contents) {
  constexpr uint64_t kFew = 10, kOneIn = 100;
  const uint64_t bad = contents.bad_lines.total();
  if (bad > kFew && bad * kOneIn > static_cast<uint64_t>(contents.documents)) {
    throw Error(ExitCode::kData,
                got_want(text.path(),
                         with_commas(static_cast<int64_t>(bad)) + " bad records (" + in_words(contents.bad_lines) +
                             ") beside " + with_commas(contents.documents) + " good ones",
                         "at most one in " + std::to_string(kOneIn), "look at the file"));
  }
  const std::string words = what_is_unusual(contents, text.reading().special_tokens);
  if (!words.empty()) log_info("text      " + text.path() + ": " + words);
}

TokenStore TokenStore::open(const std::string& text_path, const std::string& cache, const Tokenizer& tokenizer,
                            int threads, const Reading& reading) {
  std::vector<PartedText> texts;
  texts.emplace_back(text_path, cache, tokenizer, reading);
  PartBuilder builder(std::move(texts), tokenizer, threads > 0 ? threads : usable_processors(),
                      PartBuilder::Files::kKeepOpen);
  std::vector<size_t> all(builder.parts());
  std::iota(all.begin(), all.end(), size_t{0});
  builder.wait(all, PartBuilder::Show::kProgress);
  std::vector<TokenPart> parts;
  for (const size_t part : all) parts.push_back(builder.open(part));
  const PartedText& text = builder.texts().front();
  const std::span<const std::byte> bytes = text.text.bytes();
  TokenStore store(text_path, tokens_fingerprint(bytes.size(), hash64(bytes), text.identity, tokenizer.vocab_size()),
                   std::move(parts));
  judge_text(text.text, store.contents());
  return store;
}

TokenStore::TokenStore(std::string text_path, uint64_t fingerprint, std::vector<TokenPart> parts)
    : text_path_(std::move(text_path)), fingerprint_(fingerprint), parts_(std::move(parts)) {
  size_t documents = 0;
  for (const TokenPart& part : parts_) documents += part.view.ends.size();
  ends_.reserve(documents);
  hashes_.reserve(documents);
  for (const TokenPart& part : parts_) {
    contents_ += part.view.contents;
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
