// The form of messages is that of got_want() in core/error.h.
#include "tests/fuzz/expect.h"

#include <stdexcept>
#include <string_view>

#include "core/characters/utf8.h"

namespace mm {
namespace {

constexpr size_t kLongestMessage = 2000;

/// Whether a terminal shows all of `text` and obeys nothing in it: UTF-8 without the control sets C0 and C1.
bool is_fit_for_terminal(std::string_view text) {
  while (!text.empty()) {
    const Utf8Character character = first_character(text);
    const char32_t code = character.code_point;
    if (!character.valid || code < 0x20 || (code >= 0x7f && code < 0xa0)) return false;
    text.remove_prefix(character.length);
  }
  return true;
}

bool is_message(std::string_view text) {
  return text.starts_with(kInputName) && text.find(": got ") != std::string_view::npos &&
         text.find(", want ") != std::string_view::npos && text.size() < kLongestMessage && is_fit_for_terminal(text);
}

}  // namespace

void expect(bool condition, const char* promise) {
  if (!condition) throw std::logic_error(promise);
}

bool allow_refusal(ExitCode code, const std::function<void()>& read) {
  try {
    read();
    return true;
  } catch (const Error& error) {
    if (error.code() != code || !is_message(error.what())) throw;
    return false;
  }
}

}  // namespace mm
