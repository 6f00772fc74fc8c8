// A tokenizer.json and a text in one input: what can be loaded must encode the text, and decode it to the same bytes.
#include "tokenizer/files/tokenizer_json.h"

#include <algorithm>

#include "core/json/json_text.h"
#include "tests/fuzz/expect.h"
#include "tests/fuzz/seeds.h"
#include "tests/fuzz/target.h"
#include "tokenizer/byte_level_tokenizer.h"
#include "tokenizer/unicode/byte_alphabet.h"

namespace mm {
namespace {

/// The JSON ends at the first NUL byte, which no JSON has; the text follows.
constexpr char kTextMark = '\0';

std::string byte_entries() {
  std::string entries;
  for (int byte = 0; byte < 256; ++byte) {
    entries += byte > 0 ? "," : "";
    entries += quote_json(symbol_of_byte(static_cast<uint8_t>(byte))) + ":" + std::to_string(byte);
  }
  return entries;
}

/// Every vocabulary has 256 entries that change nothing but the speed of fuzzing: inputs have one byte for them all.
std::string with_byte_entries(std::string_view json) {
  static const std::string entries = byte_entries();
  std::string whole(json);
  const size_t mark = whole.find(kByteEntriesMark);
  return mark == std::string::npos ? whole : whole.replace(mark, 1, entries);
}

/// The content of an added token may be spelled in byte symbols. Then it decodes to those bytes, as in Python, and
/// texts that have it do not come back, and the token has two lengths.
bool all_added_tokens_decode_to_themselves(const TokenizerJson& file) {
  return std::ranges::all_of(file.added_tokens, [](const AddedToken& token) {
    return bytes_of_symbols(token.content).value_or(token.content) == token.content;
  });
}

void use(const Tokenizer& tokenizer, std::string_view text, const std::string& json) {
  const std::vector<int32_t> ids = tokenizer.encode(text);
  expect(std::ranges::all_of(ids, [&](int32_t id) { return id >= 0 && id < tokenizer.vocab_size(); }),
         "ids are of the vocabulary");
  TokenBuffer<int32_t> fast_ids;
  tokenizer.encoder()->encode_into(text, fast_ids);
  expect(std::ranges::equal(ids, fast_ids.ids()), "an encoder gives the tokens of encode()");
  const std::string plain = tokenizer.decode(ids);
  int64_t raw_bytes = 0;
  for (const int32_t id : ids) raw_bytes += tokenizer.token_bytes(id);
  const bool text_comes_back = tokenizer.decode_with_control(ids) == text;
  const bool bytes_add_up = raw_bytes == static_cast<int64_t>(plain.size());
  if (text_comes_back && bytes_add_up) return;
  if (!all_added_tokens_decode_to_themselves(read_tokenizer_json(json, kInputName))) return;
  expect(text_comes_back, "decode_with_control(encode(text)) is the text");
  expect(bytes_add_up, "token_bytes() counts the text but for control tokens");
}

bool run(Bytes input) {
  const std::string_view whole(reinterpret_cast<const char*>(input.data()), input.size());
  const size_t end = std::min(whole.find(kTextMark), whole.size());
  const std::string_view text = whole.substr(std::min(end + 1, whole.size()));
  return allow_refusal(ExitCode::kData, [&] {
    const std::string json = with_byte_entries(whole.substr(0, end));
    const std::unique_ptr<Tokenizer> tokenizer = parse_byte_level({kInputName, json}, {kInputName, ""});
    for (const int32_t id : {tokenizer->bos_id(), tokenizer->eos_id()}) {
      expect(id >= 0 && id < tokenizer->vocab_size(), "control tokens are of the vocabulary");
    }
    use(*tokenizer, text, json);
  });
}

/// Changes either the text or the JSON, in which most changes make an invalid file.
std::string mutate(const std::string& input, size_t most_bytes, std::minstd_rand& random,
                   const MutateBytes& mutate_bytes) {
  const size_t end = input.find(kTextMark);
  if (end == std::string::npos || random() % 8 == 0) return mutate_bytes(input, most_bytes);
  const std::string json = input.substr(0, end + 1);
  const std::string text = input.substr(end + 1);
  if (random() % 2 == 0) return json + mutate_bytes(text, most_bytes - json.size());
  return mutate_bytes(json, most_bytes - text.size()) + text;
}

}  // namespace

const FuzzTarget kTokenizerJsonTarget = {"tokenizer_json", run, tokenizer_json_seeds, mutate};

}  // namespace mm
