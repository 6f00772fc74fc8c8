// How fast texts become tokens: `tokenizer_bench TOKENIZER TEXT.jsonl...`, on one thread, in processor time. Each text
// is encoded word by word, which is the definition, and by an encoder that sees it for the first time and then again;
// the tokens are compared. Then a megabyte of one character at a time, as a ratio to the mean of the texts.
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <limits>
#include <string>
#include <vector>

#include "core/error.h"
#include "data/text/text_file.h"
#include "tokenizer/tokenizer.h"

namespace mm {
namespace {

constexpr int kWarmRounds = 5;

double processor_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

template <class Work>
double seconds_of(Work work) {
  const double start = processor_seconds();
  work();
  return processor_seconds() - start;
}

struct Speeds {
  double plain = 0, first = 0, warm = 0;  ///< bytes per second
};

using Texts = std::vector<std::string>;

double total_bytes(const Texts& texts) {
  double bytes = 0;
  for (const std::string& text : texts) bytes += static_cast<double>(text.size());
  return bytes;
}

/// Documents whose tokens are not those of the definition.
template <class Id>
size_t mismatches(const Tokenizer& tokenizer, TextEncoder<Id>& encoder, const Texts& texts) {
  TokenBuffer<Id> ids;
  return static_cast<size_t>(std::ranges::count_if(texts, [&](const std::string& text) {
    ids.clear();
    encoder.encode_into(text, ids);
    return !std::ranges::equal(tokenizer.encode(text), ids.ids());
  }));
}

template <class Id>
Speeds measure(const Tokenizer& tokenizer, TextEncoder<Id>& encoder, const Texts& texts) {
  TokenBuffer<Id> ids;
  const auto encode_all = [&] {
    for (const std::string& text : texts) {
      ids.clear();
      encoder.encode_into(text, ids);
    }
  };
  const double bytes = total_bytes(texts);
  Speeds speeds;
  speeds.first = bytes / seconds_of(encode_all);
  double best = std::numeric_limits<double>::infinity();
  for (int i = 0; i < kWarmRounds; ++i) best = std::min(best, seconds_of(encode_all));
  speeds.warm = bytes / best;
  size_t tokens = 0;
  speeds.plain = bytes / seconds_of([&] {
                   for (const std::string& text : texts) tokens += tokenizer.encode(text).size();
                 });
  return speeds;
}

template <class Id, class MakeEncoder>
void run(const Tokenizer& tokenizer, const std::vector<std::string>& paths, MakeEncoder make_encoder) {
  std::printf("%-28s %8s %12s %12s %12s %7s %7s %10s\n", "text", "MB", "plain MB/s", "first MB/s", "warm MB/s",
              "first x", "warm x", "documents");
  double bytes = 0, seconds = 0;
  for (const std::string& path : paths) {
    Texts texts;
    TextFile(path).visit([&](std::string_view text) { texts.emplace_back(text); });
    const auto encoder = make_encoder();
    const Speeds speeds = measure<Id>(tokenizer, *encoder, texts);
    const size_t wrong = mismatches<Id>(tokenizer, *encoder, texts);
    std::printf("%-28s %8.1f %12.1f %12.1f %12.1f %7.2f %7.2f %10s\n", path.substr(path.rfind('/') + 1).c_str(),
                total_bytes(texts) * 1e-6, speeds.plain * 1e-6, speeds.first * 1e-6, speeds.warm * 1e-6,
                speeds.first / speeds.plain, speeds.warm / speeds.plain,
                wrong == 0 ? "equal" : (std::to_string(wrong) + " DIFFER").c_str());
    bytes += total_bytes(texts);
    seconds += total_bytes(texts) / speeds.first;
  }
  if (bytes == 0) return;
  const double mean = seconds / bytes;
  std::printf("\n1 MB of one character, seconds per byte against the mean of first sight:\n");
  for (const char* character : {"a", "A",  "1",  "-",  "=",  ".",  " ",  "\n", "\t",     "\u00A0",
                                "é", "的", "龘", "，", "　", "。", "😀", "'",  "\u0301", "한"}) {
    std::string text;
    while (text.size() < 1000000) text += character;
    const auto encoder = make_encoder();
    TokenBuffer<Id> ids;
    const double taken = seconds_of([&] { encoder->encode_into(text, ids); });
    std::printf("  %-4s %5.2f%s\n",
                *character <= ' ' && *character > 0 ? std::to_string(*character).c_str() : character,
                taken / static_cast<double>(text.size()) / mean,
                std::ranges::equal(tokenizer.encode(text), ids.ids()) ? "" : "  DIFFERS");
  }
}

}  // namespace
}  // namespace mm

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: tokenizer_bench TOKENIZER TEXT.jsonl...\n");
    return 2;
  }
  try {
    const auto tokenizer = mm::load_tokenizer(argv[1]);
    const std::vector<std::string> paths(argv + 2, argv + argc);
    if (tokenizer->vocab_size() <= 65536) {
      mm::run<uint16_t>(*tokenizer, paths, [&] { return tokenizer->narrow_encoder(); });
    } else {
      mm::run<int32_t>(*tokenizer, paths, [&] { return tokenizer->encoder(); });
    }
  } catch (const mm::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return static_cast<int>(error.code());
  }
}
