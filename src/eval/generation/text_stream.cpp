// Tokens are decoded behind the one before them, because a tokenizer may leave out the space before a first word.
#include "eval/generation/text_stream.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "core/characters/utf8.h"

namespace mm {
namespace {

/// Bytes at the end of `text` that begin a character.
size_t unfinished_bytes(std::string_view text) {
  constexpr size_t kLongest = 3;
  for (size_t bytes = std::min(kLongest, text.size()); bytes > 0; --bytes) {
    const std::string_view end = text.substr(text.size() - bytes);
    const bool leads = static_cast<unsigned char>(end[0]) >= 0xC0;
    if (leads && first_character(end).length == bytes && !first_character(end).valid) return bytes;
  }
  return 0;
}

/// Bytes at the end of `text` that `stop` begins with.
size_t begun_bytes(std::string_view text, std::string_view stop) {
  for (size_t bytes = std::min(text.size(), stop.size() - 1); bytes > 0; --bytes) {
    if (text.ends_with(stop.substr(0, bytes))) return bytes;
  }
  return 0;
}

}  // namespace

TextStream::TextStream(const Tokenizer& tokenizer, int32_t previous, std::vector<std::string> stop)
    : tokenizer_(tokenizer), stop_(std::move(stop)), previous_(previous) {}

std::string TextStream::add(int32_t token) {
  if (stopped_) return "";
  const std::array<int32_t, 2> both = {previous_, token};
  pending_ += tokenizer_.decode(both).substr(tokenizer_.decode({both.data(), 1}).size());
  previous_ = token;
  size_t end = std::string::npos;
  for (const std::string& stop : stop_) end = std::min(end, pending_.find(stop));
  stopped_ = end != std::string::npos;
  const size_t certain = stopped_ ? end : certain_bytes();
  const std::string text = pending_.substr(0, certain);
  pending_.erase(0, stopped_ ? pending_.size() : certain);
  return text;
}

std::string TextStream::finish() {
  return std::exchange(pending_, "");
}

size_t TextStream::certain_bytes() const {
  size_t kept_back = unfinished_bytes(pending_);
  for (const std::string& stop : stop_) kept_back = std::max(kept_back, begun_bytes(pending_, stop));
  return pending_.size() - kept_back;
}

}  // namespace mm
