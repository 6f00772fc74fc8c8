// Parts of a token store: whatever is believed can be read.
#include "data/tokens/token_file.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "core/hash.h"
#include "tests/fuzz/expect.h"
#include "tests/fuzz/seeds.h"
#include "tests/fuzz/target.h"

namespace mm {
namespace {

constexpr size_t kEnds = sizeof(TokenFileHeader) + sizeof(TokenFileFooter);

bool run(Bytes input) {
  // Numbers are read in place, and files are mapped where pages begin.
  std::vector<uint64_t> aligned(input.size() / sizeof(uint64_t) + 1);
  if (!input.empty()) std::memcpy(aligned.data(), input.data(), input.size());
  const Bytes file = std::as_bytes(std::span(aligned)).first(input.size());
  TokenFileHeader header;
  std::memcpy(&header, file.data(), std::min(file.size(), sizeof(header)));
  std::string problem;
  const std::optional<TokenFileView> view = check_token_file(file, header, problem);
  if (!view) {
    expect(problem == "damaged" || problem == "stale", "a refused file is called damaged or stale");
    return false;
  }
  const size_t tokens = view->narrow_tokens.size() + view->wide_tokens.size();
  expect(tokens == static_cast<size_t>(view->contents.tokens), "there are as many tokens as the file says");
  expect(view->ends.size() == view->hashes.size(), "every document has a hash");
  expect(std::ranges::is_sorted(view->ends), "documents are in order");
  expect((view->ends.empty() ? 0 : view->ends.back()) == tokens, "documents are all of the tokens");
  const auto in_range = [&](uint64_t token) { return token < header.vocab_size; };
  expect(std::ranges::all_of(view->narrow_tokens, in_range) && std::ranges::all_of(view->wide_tokens, in_range),
         "tokens are of the vocabulary");
  return true;
}

/// With the hash of what was changed, mostly.
std::string mutate(const std::string& input, size_t most_bytes, std::minstd_rand& random,
                   const MutateBytes& mutate_bytes) {
  std::string changed = mutate_bytes(input, most_bytes);
  if (changed.size() < kEnds || random() % 8 == 0) return changed;
  const Bytes bytes = std::as_bytes(std::span(changed));
  Hasher hasher;
  hasher.add(bytes.subspan(sizeof(TokenFileHeader), bytes.size() - kEnds));
  hasher.add(bytes.last(sizeof(TokenFileFooter)).first(offsetof(TokenFileFooter, tokens)));
  const uint64_t hash = hasher.value();
  std::memcpy(changed.data() + changed.size() - sizeof(hash), &hash, sizeof(hash));
  return changed;
}

}  // namespace

const FuzzTarget kTokenFileTarget = {"token_file", run, token_file_seeds, mutate};

}  // namespace mm
