// A store is the parts of a text, one behind the other.
#include "data/tokens/token_store.h"

#include <algorithm>
#include <numeric>

#include "core/error.h"
#include "core/log.h"
#include "core/process/machine.h"
#include "core/text.h"
#include "data/tokens/part_builder.h"

namespace mm {

TokenFileFooter& add_counts(TokenFileFooter& sum, const TokenFileFooter& part) {
  sum.documents += part.documents;
  sum.tokens += part.tokens;
  sum.empty_texts += part.empty_texts;
  sum.bad_lines += part.bad_lines;
  sum.lone_surrogates += part.lone_surrogates;
  sum.special_tokens += part.special_tokens;
  return sum;
}

void judge_text(const TextFile& text, const TokenFileFooter& sum) {
  constexpr uint64_t kFew = 10, kOneIn = 100;
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
  if (sum.special_tokens > 0) {
    const bool parsed = text.reading().special_tokens == SpecialTokensInText::kParse;
    words.push_back(count(sum.special_tokens) +
                    (sum.special_tokens == 1 ? " name of a control token" : " names of control tokens") + " read as " +
                    (parsed ? "those tokens (data.special_tokens=text reads them as text)"
                            : "text (data.special_tokens=parse reads them as those tokens)"));
  }
  if (!words.empty()) log_info("text      " + text.path() + ": " + join(words, ", "));
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
  TokenFileFooter sum;
  for (const size_t part : all) {
    parts.push_back(builder.open(part));
    add_counts(sum, builder.footer(part));
  }
  const PartedText& text = builder.texts().front();
  judge_text(text.text, sum);
  const std::span<const std::byte> bytes = text.text.bytes();
  return TokenStore(text_path, tokens_fingerprint(bytes.size(), hash64(bytes), text.identity, tokenizer.vocab_size()),
                    std::move(parts));
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
