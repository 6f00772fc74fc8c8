// A text and what of it is not its own.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace mm {

/// A mark between the messages of a chat: bytes that the reader wrote, as a template does, and not whoever is quoted.
struct TextMark {
  size_t begin = 0, length = 0;
};

/// What a record says. Lives until the next one is read.
struct Document {
  std::string_view text = {};            ///< valid UTF-8, or tokens where the file holds those
  std::span<const TextMark> marks = {};  ///< in order and apart from each other

  /// For who does not care what is a mark.
  operator std::string_view() const { return text; }
};

/// Calls `on_piece(piece, is_mark)` with what stands between marks and with each of them, in order. Pieces are not
/// empty.
template <class OnPiece>
void for_pieces(const Document& document, const OnPiece& on_piece) {
  size_t at = 0;
  const auto own_text_up_to = [&](size_t end) {
    if (at < end) on_piece(document.text.substr(at, end - at), false);
  };
  for (const TextMark& mark : document.marks) {
    own_text_up_to(mark.begin);
    on_piece(document.text.substr(mark.begin, mark.length), true);
    at = mark.begin + mark.length;
  }
  own_text_up_to(document.text.size());
}

}  // namespace mm
