// Text files of every format: a byte that says which, and the file.
#include "data/text/text_format.h"

#include <array>

#include "core/characters/utf8.h"
#include "data/text/json_line.h"
#include "data/text/token_format.h"
#include "tests/fuzz/expect.h"
#include "tests/fuzz/seeds.h"
#include "tests/fuzz/target.h"
#include "tokenizer/tokenizer.h"

namespace mm {
namespace {

/// What the numbers of a token file are compared with.
class Numbers final : public Tokenizer {
 public:
  std::vector<int32_t> encode(std::string_view) const override { return {}; }
  std::string decode(std::span<const int32_t>) const override { return ""; }
  int64_t vocab_size() const override { return 259; }
  int32_t bos_id() const override { return 1; }
  int32_t eos_id() const override { return 2; }
  int64_t token_bytes(int32_t) const override { return 1; }
  uint64_t fingerprint() const override { return 1; }
};

struct Kind {
  std::string name;
  size_t bin_token_bytes = 0;
};

const std::array<Kind, 8>& kinds() {
  static const std::array<Kind, 8> kinds = {Kind{kInputName + ".jsonl"}, {kInputName + ".json"},  {kInputName + ".csv"},
                                            {kInputName + ".tsv"},       {kInputName + ".txt"},   {kInputName + ".bin"},
                                            {kInputName + ".bin", 2},    {kInputName + ".idx", 0}};
  return kinds;
}

std::unique_ptr<TextFormat> format_of(const Kind& kind, std::string_view file, std::string_view& text,
                                      const Reading& reading) {
  static const std::string tokens(64, '\5');
  if (!kind.name.ends_with(".idx")) return recognize_format(kind.name, file, reading);
  text = tokens;
  return tokens_by_index(kind.name, file, kInputName + ".bin", tokens, reading);
}

/// The fast reader of JSON gives what the definition gives, but for the depth that they go to.
void expect_definition(std::string_view record, const RecordText& said) {
  constexpr size_t kDeep = 1000;
  if (record.size() > kDeep) return;
  const JsonLineText wanted = read_json_line(record, "text");
  expect(wanted.problem.empty() == said.problem.empty(), "a line is good or bad whichever way it is read");
  if (said.problem.empty()) expect(wanted.text == said.text, "a text is the same whichever way it is read");
}

bool run(Bytes input) {
  if (input.empty()) return false;
  static const Numbers numbers;
  const Kind& kind = kinds()[static_cast<size_t>(input[0]) % kinds().size()];
  const std::string_view file(reinterpret_cast<const char*>(input.data()) + 1, input.size() - 1);
  return allow_refusal(ExitCode::kData, [&] {
    Reading reading;
    reading.bin_token_bytes = kind.bin_token_bytes;
    reading.tokenizer = &numbers;
    std::string_view text = file;
    const std::unique_ptr<TextFormat> format = format_of(kind, file, text, reading);
    const std::unique_ptr<RecordReader> reader = format->reader();
    const size_t first = format->first_record(text);
    expect(first <= text.size(), "records begin in the file");
    for (size_t begin = first; begin < text.size();) {
      const size_t end = format->record_end(text, begin);
      expect(end > begin && end <= text.size(), "records lie end to end");
      const std::string_view record = text.substr(begin, end - begin);
      const RecordText said = reader->read(record, 0);
      expect(said.problem.find('\n') == std::string::npos, "what is wrong is said on one line");
      const bool is_text = said.problem.empty() && format->token_bytes() == 0;
      expect(!is_text || is_utf8(said.text), "texts are UTF-8");
      if (format->is_by_line() && !said.blank) expect_definition(record, said);
      begin = end;
    }
  });
}

std::string mutate(const std::string& input, size_t most_bytes, std::minstd_rand& random,
                   const MutateBytes& mutate_bytes) {
  if (input.empty() || random() % 16 == 0) return mutate_bytes(input, most_bytes);
  return input.substr(0, 1) + mutate_bytes(input.substr(1), most_bytes - 1);
}

}  // namespace

const FuzzTarget kTextTarget = {"text", run, text_seeds, mutate};

}  // namespace mm
