// One JSON object read as Python reads it, for what a strict parser refuses or would need much memory for.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "data/text/bad_line.h"
#include "data/text/document.h"

namespace mm {

/// The string of one key of an object.
struct JsonLineText {
  std::string text;
  int64_t lone_surrogates = 0;       ///< escapes such as \ud83d without their other half, read as U+FFFD
  std::string problem;               ///< what is wrong, in the words of a message; empty: nothing
  BadLine kind = {};                 ///< the kind of problem, where there is one
  std::vector<TextMark> marks = {};  ///< of a chat: where in the text they stand
};

/// What stands between the messages of a chat.
constexpr std::string_view kChatBegin = "<|im_start|>", kChatEnd = "<|im_end|>";

/// Whether it is one of the names that lists of messages go by.
bool is_chat_key(std::string_view key);

/// Where the key has a list, its objects are the messages of a chat, `{"role": "user", "content": "..."}` or with
/// `from` and `value`: joined as MiniMind's template has them (ChatML), each `<|im_start|>role\ncontent<|im_end|>\n`.
///
/// Besides JSON: NaN, Infinity and lone surrogates, as Python's json.loads has them. Of valid UTF-8 the result is valid
/// UTF-8. Memory beyond the text itself does not grow with the line, nor time faster than it. Nested at most 1,000
/// deep.
JsonLineText read_json_line(std::string_view line, std::string_view key);

}  // namespace mm
