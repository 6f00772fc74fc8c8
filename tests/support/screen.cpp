// A cursor over rows of characters.
#include "screen.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "core/characters/utf8.h"

void Screen::write(std::string_view output) {
  while (!output.empty()) {
    const mm::Utf8Character character = mm::first_character(output);
    size_t length = character.length;
    if (output.starts_with("\x1b[")) {
      const size_t end = std::min(output.find_first_not_of("0123456789;", 2), output.size() - 1);
      const size_t count = static_cast<size_t>(std::atoi(output.data() + 2));
      obey(output[end], count);
      length = end + 1;
    } else if (output[0] == '\r') {
      x_ = 0;
    } else if (output[0] == '\n') {
      ++y_;
    } else {
      print(output.substr(0, length));
    }
    output.remove_prefix(length);
  }
}

std::vector<std::string> Screen::rows() const {
  std::vector<std::string> rows;
  for (const std::vector<std::string>& cells : cells_) {
    std::string text;
    for (const std::string& cell : cells) text += cell;
    rows.push_back(text.substr(0, text.find_last_not_of(' ') + 1));
  }
  while (!rows.empty() && rows.back().empty()) rows.pop_back();
  return rows;
}

void Screen::print(std::string_view character) {
  if (x_ == columns_) {
    has_wrapped_ = true;
    x_ = 0;
    ++y_;
  }
  if (row().size() <= x_) row().resize(x_ + 1, " ");
  row()[x_++] = character;
}

void Screen::obey(char command, size_t count) {
  if (command == 'm') return;
  const size_t kept = std::min(x_, row().size());
  if (command == 'A') {
    y_ -= std::min(std::max<size_t>(count, 1), y_);
  } else if (command == 'K' && (count == 0 || count == 2)) {
    row().resize(count == 2 ? 0 : kept);
  } else if (command == 'J' && count == 0) {
    row().resize(kept);
    cells_.resize(y_ + 1);
  } else {
    ADD_FAILURE() << "escape sequence " << count << command;
  }
}

std::vector<std::string>& Screen::row() {
  if (cells_.size() <= y_) cells_.resize(y_ + 1);
  return cells_[y_];
}
