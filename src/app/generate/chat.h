// A conversation with a model on the terminal, or of a file of questions.
#pragma once

#include <string>

#include "app/generate/text_output.h"
#include "eval/generation/chat_template.h"
#include "eval/generation/generate.h"

namespace mm {

/// Answers every line of standard input, up to its end, each with all that was said before in mind: when the context
/// gets too small for that, the oldest questions are forgotten with their answers, and it is told so.
///   system  what the conversation opens with; empty: what the template has
void chat(Decoder& decoder, const Tokenizer& tokenizer, const ChatTemplate& form, const std::string& system,
          const GenerationOptions& options, TextOutput& output);

}  // namespace mm
