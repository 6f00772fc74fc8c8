// A vocabulary that a test makes up merge by merge.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/bpe/bpe_encoder.h"

namespace mm {

/// A vocabulary of the 256 bytes and of merges given as texts.
struct TestVocabulary {
  TestVocabulary() {
    for (int byte = 0; byte < 256; ++byte) id_of(std::string(1, static_cast<char>(byte)));
  }

  int32_t id_of(const std::string& text) {
    const auto [found, added] = ids.try_emplace(text, static_cast<int32_t>(texts.size()));
    if (added) texts.push_back(text);
    return found->second;
  }

  void add(const std::string& left, const std::string& right) {
    merges.push_back({.left = id_of(left), .right = id_of(right), .merged = id_of(left + right)});
  }

  BpeModel model() const {
    size_t total_bytes = 0;
    for (const std::string& text : texts) total_bytes += text.size();
    BpeModel model{{}, MergeTable(merges), JoinTable(total_bytes), {}};
    for (const std::string& text : texts) model.token_lengths.push_back(static_cast<uint32_t>(text.size()));
    for (int32_t byte = 0; byte < 256; ++byte) model.byte_tokens[static_cast<size_t>(byte)] = byte;
    for (const Merge& merge : merges) model.joins.add(texts[static_cast<size_t>(merge.merged)]);
    return model;
  }

  std::map<std::string, int32_t> ids;
  std::vector<std::string> texts;
  std::vector<Merge> merges;
};

}  // namespace mm
