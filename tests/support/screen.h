// A terminal as far as our programs use one: what its rows show after some output, scrolled-out ones included.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

/// Follows printed characters, line breaks, "\r", wrapping, and the sequences for up, erase and colours; any other
/// escape sequence fails the test. Every character is one column wide.
class Screen {
 public:
  explicit Screen(size_t columns) : columns_(columns) {}

  void write(std::string_view output);

  /// Without the spaces at the ends of rows, and without empty rows at the end.
  std::vector<std::string> rows() const;
  /// Whether a character was ever printed beyond the last column.
  bool has_wrapped() const { return has_wrapped_; }

 private:
  void print(std::string_view character);
  void obey(char command, size_t count);
  std::vector<std::string>& row();

  size_t columns_;
  size_t x_ = 0, y_ = 0;
  bool has_wrapped_ = false;
  std::vector<std::vector<std::string>> cells_;
};
