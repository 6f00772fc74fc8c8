// How a conversation is written for a model that was trained on conversations. No torch.
#pragma once

#include <string>
#include <string_view>

#include "tokenizer/tokenizer.h"

namespace mm {

/// MiniMind's forms, from 2024 on: every turn is `<begin>role\ncontent<end>\n`, and the model's turn is begun for it.
struct ChatTemplate {
  std::string begin, end;     ///< the tokens BOS and EOS by name, such as <|im_start|> and <|im_end|>
  std::string system;         ///< what the conversation opens with when nothing else is asked for; may be empty
  bool plain_system = false;  ///< an opening is written as it is, without role and tokens (MiniMind 1)
  std::string reply_begins;   ///< what the model's turn begins with: an empty thought (MiniMind 3)

  /// The start of a conversation; nothing where there is nothing to say. Empty `message`: the template's own.
  std::string opening(std::string_view message) const;
  /// What the user says, and the start of the model's turn.
  std::string question(std::string_view message) const;
  /// What is written behind the model's turn.
  std::string turn_end() const { return end + "\n"; }
};

/// The template beside the tokenizer.json at `tokenizer_path`: in chat_template.jinja, or `chat_template` in
/// tokenizer_config.json.
/// Throws Error(kData) when there is none, and when it is one of another form.
ChatTemplate read_chat_template(const std::string& tokenizer_path, const Tokenizer& tokenizer);

/// Conversations that are trained on are joined as ChatML has them (read_json_line), whatever the template beside the
/// tokenizer is: throws Error(kData) where that is of another form. Returns what is worth a word of one that is ChatML,
/// or nothing.
///   text_key  of the lists of messages
std::string judge_joined_chats(const std::string& tokenizer_path, const std::string& text_key);

}  // namespace mm
