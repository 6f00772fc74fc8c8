// One token at a time: the model's logits, a choice, and on.
#include "eval/generation/generate.h"

#include <chrono>
#include <utility>

#include "core/error.h"
#include "core/process/stop_signal.h"
#include "eval/generation/text_stream.h"

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

namespace {

/// The text of a prompt behind its first token, and where its tokens went. Those that the decoder has forgotten went
/// nowhere.
std::vector<RoutedPiece> pieces_of_prompt(const std::vector<TokenRoute>& routes, const Tokenizer& tokenizer,
                                          const std::vector<int32_t>& prompt) {
  std::vector<RoutedPiece> pieces;
  TextStream stream(tokenizer, prompt.front(), {});
  const size_t forgotten = prompt.size() - routes.size();
  for (size_t i = 1; i < prompt.size(); ++i) {
    std::string text = stream.add(prompt[i]);
    if (i + 1 == prompt.size()) text += stream.finish();
    if (!text.empty()) pieces.push_back({text, i >= forgotten ? routes[i - forgotten] : TokenRoute{}});
  }
  return pieces;
}

/// Where pieces of text go: out at once, or when it is known where their tokens went.
class PieceWriter {
 public:
  PieceWriter(Continuation& result, const ShowPiece& show, bool waits) : result_(result), show_(show), waits_(waits) {}

  void add(const std::string& text) {
    result_.text += text;
    if (waits_) {
      waiting_ += text;
    } else if (show_ && !text.empty()) {
      show_(text, {});
    }
  }

  /// What waits went along `route`.
  void settle(const TokenRoute& route) {
    if (!waiting_.empty()) tell({std::exchange(waiting_, ""), route});
  }

  void tell(const RoutedPiece& piece) {
    result_.pieces.push_back(piece);
    if (show_) show_(piece.text, piece.route);
  }

 private:
  Continuation& result_;
  const ShowPiece& show_;
  bool waits_;
  std::string waiting_;
};

}  // namespace

Continuation continue_text(Decoder& decoder, const Tokenizer& tokenizer, const std::vector<int32_t>& prompt,
                           const GenerationOptions& options, const ShowPiece& show) {
  using Clock = std::chrono::steady_clock;
  Continuation result;
  TextStream stream(tokenizer, prompt.back(), options.stop);
  PieceWriter pieces(result, show, decoder.keeps_routes());
  const auto seconds_since = [](Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  // What was read last is the prompt, and then the token before the one that comes.
  bool prompt_is_told = !decoder.keeps_routes();
  const auto tell_read = [&] {
    if (prompt_is_told) {
      if (decoder.keeps_routes()) pieces.settle(decoder.routes().back());
      return;
    }
    prompt_is_told = true;
    for (const RoutedPiece& piece : pieces_of_prompt(decoder.routes(), tokenizer, prompt)) pieces.tell(piece);
  };
  const Clock::time_point start = Clock::now();
  const auto goes_on = [&](int32_t token) {
    if (result.first_token_seconds == 0) result.first_token_seconds = seconds_since(start);
    tell_read();
    pieces.add(stream.add(token));
    return !stream.stopped();
  };
  result.tokens = generate_tokens(decoder, prompt, tokenizer.eos_id(), tokenizer.vocab_size(), options, goes_on);
  if (result.tokens.empty() && options.max_new_tokens > 0) tell_read();
  pieces.add(stream.finish());
  const double seconds = seconds_since(start);
  if (decoder.keeps_routes() && !result.tokens.empty()) {
    std::vector<int32_t> all = prompt;
    all.insert(all.end(), result.tokens.begin(), result.tokens.end());
    decoder.next_logits(all);
    pieces.settle(decoder.routes().back());
  }
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
