// Text files and a tokenizer simple enough to predict, for the tests of this folder.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/files/files.h"
#include "data/windows/packed_dataset.h"
#include "tokenizer/tokenizer.h"

namespace mm {

/// One token a byte: byte b is token 3 + b. `fingerprint` tells two of them apart.
class ByteTokenizer : public Tokenizer {
 public:
  explicit ByteTokenizer(uint64_t fingerprint = 7, int64_t vocab_size = 259)
      : fingerprint_(fingerprint), vocab_size_(vocab_size) {}
  std::vector<int32_t> encode(std::string_view text) const override {
    std::vector<int32_t> ids(text.size());
    std::ranges::transform(text, ids.begin(), [](char c) { return 3 + static_cast<unsigned char>(c); });
    return ids;
  }
  std::string decode(std::span<const int32_t> ids) const override {
    std::string text;
    for (const int32_t id : ids) {
      if (id > 2) text += static_cast<char>(id - 3);
    }
    return text;
  }
  int64_t vocab_size() const override { return vocab_size_; }
  int32_t bos_id() const override { return 1; }
  int32_t eos_id() const override { return 2; }
  int64_t token_bytes(int32_t id) const override { return id > 2 ? 1 : 0; }
  uint64_t fingerprint() const override { return fingerprint_; }

 private:
  uint64_t fingerprint_;
  int64_t vocab_size_;
};

/// A vocabulary of bytes in which control tokens have names.
class NamingTokenizer final : public ByteTokenizer {
 public:
  using Names = std::vector<std::pair<std::string, int32_t>>;

  explicit NamingTokenizer(Names names = {{"<|end|>", 2}}) : names_(std::move(names)) {}

  std::vector<int32_t> encode(std::string_view text) const override {
    std::vector<int32_t> ids;
    while (!text.empty()) {
      const auto named = std::ranges::find_if(names_, [&](const auto& name) { return text.starts_with(name.first); });
      ids.push_back(named == names_.end() ? ByteTokenizer::encode(text.substr(0, 1)).front() : named->second);
      text.remove_prefix(named == names_.end() ? 1 : named->first.size());
    }
    return ids;
  }
  std::unique_ptr<TextEncoder<uint16_t>> narrow_encoder(ControlNames names) const override {
    static const ByteTokenizer plain;
    return names == ControlNames::kText ? plain.narrow_encoder() : ByteTokenizer::narrow_encoder(names);
  }
  bool has_control_names() const override { return true; }
  int64_t count_control_names(std::string_view text) const override {
    return std::ranges::count_if(encode(text), [](int32_t id) { return id < 3; });
  }

 private:
  Names names_;
};

/// An empty folder for the running test alone.
inline std::string test_folder() {
  const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
  const std::filesystem::path folder =
      std::filesystem::path(::testing::TempDir()) / (std::string("mm_") + info->test_suite_name() + "_" + info->name());
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  return folder.string();
}

/// Writes `folder`/`name` with one line for each text; the texts must need no escapes.
inline std::string write_texts(const std::string& folder, const std::string& name,
                               const std::vector<std::string>& texts) {
  std::string lines;
  for (const std::string& text : texts) lines += "{\"text\": \"" + text + "\"}\n";
  write_file_atomic(folder + "/" + name, lines);
  return folder + "/" + name;
}

/// `count` different short texts of different lengths.
inline std::vector<std::string> numbered_texts(int count) {
  std::vector<std::string> texts;
  for (int i = 0; i < count; ++i) texts.push_back(std::string(static_cast<size_t>(i % 7), 'x') + std::to_string(i));
  return texts;
}

/// All documents of one file, as the byte tokenizer sees them.
inline PackedDataset pack_file(const std::string& path, int64_t sequence_length,
                               PackedDataset::LastWindow last_window) {
  const auto store = std::make_shared<const TokenStore>(TokenStore::open(path, "", ByteTokenizer()));
  return PackedDataset(
      "data.train", {{store, "domain"}}, [](size_t, int64_t) { return true; }, sequence_length, last_window);
}

/// All tokens of a store.
inline std::vector<int64_t> all_tokens(const TokenStore& store) {
  std::vector<int64_t> tokens(static_cast<size_t>(store.tokens()));
  store.read(0, store.tokens(), tokens.data());
  return tokens;
}

/// The message of the Error with `code` that `action` ends in.
template <class Action>
std::string error_of(ExitCode code, const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code);
    return error.what();
  }
  return "no error";
}

}  // namespace mm
