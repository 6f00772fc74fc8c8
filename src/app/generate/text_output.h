// Standard output for what a model writes, piece by piece.
#pragma once

#include <string_view>

namespace mm {

/// A reader of a pipe gets the bytes as they are; a terminal gets them without what it would obey.
class TextOutput {
 public:
  TextOutput();

  /// Whole characters, which are out when this returns. Throws Error(kStorage) when they cannot be written.
  void write(std::string_view text);

 private:
  bool is_terminal_;
};

}  // namespace mm
