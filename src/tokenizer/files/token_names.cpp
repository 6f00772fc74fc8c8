// Takes ids only where they are plausible, so that a short file cannot ask for a long vocabulary.
#include "tokenizer/files/token_names.h"

#include <algorithm>
#include <unordered_set>
#include <vector>

#include "core/error.h"
#include "core/json/json_text.h"
#include "core/text.h"

namespace mm {
namespace {

/// Ids may leave holes, within reason: every id up to the highest costs memory here and a row in the model.
int64_t id_limit(size_t tokens) {
  return std::min<int64_t>(2 * static_cast<int64_t>(tokens) + 65536, INT32_MAX);
}

class IdTaker {
 public:
  explicit IdTaker(size_t tokens) : taken_(static_cast<size_t>(id_limit(tokens))) {}

  int32_t take(int64_t id, const std::string& where) {
    const auto limit = static_cast<int64_t>(taken_.size());
    if (id < 0 || id >= limit) {
      throw Error(ExitCode::kData,
                  got_want(where, "id " + std::to_string(id), "an id in [0, " + with_commas(limit) + ")",
                           "the file has far fewer tokens"));
    }
    if (taken_[static_cast<size_t>(id)]) {
      throw Error(ExitCode::kData,
                  got_want(where, "id " + std::to_string(id) + ", which another token has", "an id for each token"));
    }
    taken_[static_cast<size_t>(id)] = true;
    return static_cast<int32_t>(id);
  }

 private:
  std::vector<bool> taken_;
};

}  // namespace

TokenNames::TokenNames(const TokenizerJson& file, const std::string& file_name) {
  IdTaker ids(file.vocab.size() + file.added_tokens.size());
  const auto add = [&](const std::string& name, int64_t id, bool in_vocab, const std::string& where) {
    const int32_t taken = ids.take(id, where);
    entries_.emplace(name, Entry{taken, in_vocab});
    end_id_ = std::max(end_id_, taken + 1);
  };
  entries_.reserve(file.vocab.size() + file.added_tokens.size());
  for (const auto& [name, id] : file.vocab) add(name, id, true, file_name + ":model.vocab." + show_key(name));

  // The numbering of tokenizers' AddedVocabulary::add_tokens.
  std::unordered_set<std::string_view> added;
  int64_t next = static_cast<int64_t>(file.vocab.size());
  for (size_t i = 0; i < file.added_tokens.size(); ++i) {
    const AddedToken& token = file.added_tokens[i];
    const std::string where = file_name + format(":added_tokens[%zu].", i);
    if (!added.insert(token.content).second) {
      throw Error(ExitCode::kData, got_want(where + "content", show_key(token.content) + " again", "each token once"));
    }
    const std::optional<int32_t> known = find(token.content);
    const int64_t want = known ? *known : next;
    if (token.id != want) {
      throw Error(ExitCode::kData, got_want(where + "id", std::to_string(token.id), std::to_string(want),
                                            known ? "the id that the token has already" : "the next free one"));
    }
    if (!known) add(token.content, token.id, false, where + "id");
    next = std::max(next, token.id + 1);
  }
}

std::optional<int32_t> TokenNames::find(std::string_view name) const {
  const auto found = entries_.find(name);
  return found == entries_.end() ? std::nullopt : std::optional(found->second.id);
}

std::optional<int32_t> TokenNames::find_in_vocab(std::string_view name) const {
  const auto found = entries_.find(name);
  return found == entries_.end() || !found->second.in_vocab ? std::nullopt : std::optional(found->second.id);
}

}  // namespace mm
