// One token at a time: the model's logits, a choice, and on.
#include "eval/generate.h"

#include <chrono>

#include "core/error.h"
#include "core/stop_signal.h"
#include "eval/text_stream.h"

namespace mm {

std::vector<int32_t> generate_tokens(Decoder& decoder, const std::vector<int32_t>& prompt, int32_t eos_id,
                                     int64_t vocab_size, const GenerationOptions& options,
                                     const std::function<bool(int32_t token)>& goes_on) {
  TokenChooser chooser(options.sampling, options.seed);
  std::vector<int32_t> tokens = prompt;
  while (std::ssize(tokens) - std::ssize(prompt) < options.max_new_tokens) {
    leave_if_stopping();
    const at::Tensor logits_v = decoder.next_logits(tokens);
    require(vocab_size <= logits_v.size(0), "a vocabulary beyond the model's");
    const int32_t next = chooser.choose({logits_v.const_data_ptr<float>(), static_cast<size_t>(vocab_size)}, tokens);
    if (next == eos_id) break;
    tokens.push_back(next);
    if (goes_on && !goes_on(next)) break;
  }
  return {tokens.begin() + std::ssize(prompt), tokens.end()};
}

Continuation continue_text(Decoder& decoder, const Tokenizer& tokenizer, const std::vector<int32_t>& prompt,
                           const GenerationOptions& options, const std::function<void(std::string_view piece)>& show) {
  using Clock = std::chrono::steady_clock;
  Continuation result;
  TextStream stream(tokenizer, prompt.back(), options.stop);
  const auto give = [&](const std::string& piece) {
    result.text += piece;
    if (show && !piece.empty()) show(piece);
  };
  const auto seconds_since = [](Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  const Clock::time_point start = Clock::now();
  const auto goes_on = [&](int32_t token) {
    if (result.first_token_seconds == 0) result.first_token_seconds = seconds_since(start);
    give(stream.add(token));
    return !stream.stopped();
  };
  result.tokens = generate_tokens(decoder, prompt, tokenizer.eos_id(), tokenizer.vocab_size(), options, goes_on);
  give(stream.finish());
  const double seconds = seconds_since(start);
  if (result.first_token_seconds == 0) result.first_token_seconds = seconds;
  result.later_tokens_seconds = seconds - result.first_token_seconds;
  return result;
}

std::vector<int32_t> prompt_tokens(const Tokenizer& tokenizer, std::string_view text) {
  std::vector<int32_t> tokens = {tokenizer.bos_id()};
  const std::vector<int32_t> words = tokenizer.encode(text);
  tokens.insert(tokens.end(), words.begin(), words.end());
  return tokens;
}

}  // namespace mm
