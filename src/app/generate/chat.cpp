#include "app/generate/chat.h"

#include <unistd.h>

#include <deque>
#include <iostream>
#include <vector>

#include "core/terminal/log.h"

namespace mm {
namespace {

using Tokens = std::vector<int32_t>;

void append(Tokens& tokens, const Tokens& more) {
  tokens.insert(tokens.end(), more.begin(), more.end());
}

/// What was said, in tokens: the opening, then questions with their answers.
class Conversation {
 public:
  explicit Conversation(Tokens opening) : opening_(std::move(opening)) {}

  void begin_turn(const Tokens& question) { turns_.push_back(question); }
  void extend_turn(const Tokens& tokens) { append(turns_.back(), tokens); }

  /// Forgets turns, the oldest first and never the last, until at most `room` tokens are left. Returns how many went.
  int64_t shorten(int64_t room) {
    int64_t forgotten = 0;
    for (; turns_.size() > 1 && std::ssize(tokens()) > room; ++forgotten) turns_.pop_front();
    return forgotten;
  }

  Tokens tokens() const {
    Tokens all = opening_;
    for (const Tokens& turn : turns_) append(all, turn);
    return all;
  }

 private:
  Tokens opening_;
  std::deque<Tokens> turns_;
};

}  // namespace

void chat(Decoder& decoder, const Tokenizer& tokenizer, const ChatTemplate& form, const std::string& system,
          const GenerationOptions& options, TextOutput& output) {
  const bool asks = ::isatty(STDIN_FILENO) == 1;
  Conversation conversation(tokenizer.encode(form.opening(system)));
  GenerationOptions turn_options = options;
  while (true) {
    if (asks) output.write("> ");
    std::string question;
    if (!std::getline(std::cin, question)) break;
    if (question.empty()) continue;
    conversation.begin_turn(tokenizer.encode(form.question(question)));
    if (const int64_t forgotten = conversation.shorten(decoder.context() - options.max_new_tokens)) {
      log_warning("the conversation has outgrown the context of " + std::to_string(decoder.context()) +
                  " tokens: its oldest " + (forgotten == 1 ? "turn is" : std::to_string(forgotten) + " turns are") +
                  " forgotten");
    }
    const auto show = [&](std::string_view piece, const TokenRoute&) { output.write(piece); };
    conversation.extend_turn(continue_text(decoder, tokenizer, conversation.tokens(), turn_options, show).tokens);
    conversation.extend_turn(tokenizer.encode(form.turn_end()));
    output.write("\n");
    ++turn_options.seed;
  }
  if (asks) output.write("\n");
}

}  // namespace mm
