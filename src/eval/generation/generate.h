// Text from a model.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "eval/generation/decoder.h"
#include "eval/generation/token_choice.h"
#include "tokenizer/tokenizer.h"

namespace mm {

struct GenerationOptions {
  int64_t max_new_tokens = 64;
  SamplingRule sampling = {};
  uint64_t seed = 0;
  std::vector<std::string> stop = {};  ///< texts that end the continuation and are no part of it; none is empty
};

/// The tokens that follow `prompt` (at least one), up to `eos_id` (left out; -1: none) or max_new_tokens, drawn among
/// ids below `vocab_size`. The same arguments give the same tokens, whatever the decoder read before, but for what the
/// order of sums in the logits may decide. Throws StopRequested when a signal asks a run to stop.
///   goes_on  told every token as it comes; false ends the text behind it
std::vector<int32_t> generate_tokens(Decoder& decoder, const std::vector<int32_t>& prompt, int32_t eos_id,
                                     int64_t vocab_size, const GenerationOptions& options,
                                     const std::function<bool(int32_t token)>& goes_on = {});

/// Told a piece of text and where the token went that completes it: nowhere unless the decoder keeps routes.
using ShowPiece = std::function<void(std::string_view piece, const TokenRoute& route)>;

struct Continuation {
  std::string text;
  std::vector<RoutedPiece> pieces;  ///< of the prompt and the text; empty unless the decoder keeps routes
  std::vector<int32_t> tokens;
  double first_token_seconds = 0;   ///< reading the prompt, and the first new token
  double later_tokens_seconds = 0;  ///< all others
};

/// The text that follows `prompt`, up to EOS, a stop text or max_new_tokens.
///   show  told the text piece by piece, each as soon as it is certain and of whole characters. With a decoder that
///         keeps routes the pieces of the prompt come first, and each piece when its token has been read
Continuation continue_text(Decoder& decoder, const Tokenizer& tokenizer, const std::vector<int32_t>& prompt,
                           const GenerationOptions& options, const ShowPiece& show = {});

/// BOS and the tokens of `text`.
std::vector<int32_t> prompt_tokens(const Tokenizer& tokenizer, std::string_view text);

}  // namespace mm
