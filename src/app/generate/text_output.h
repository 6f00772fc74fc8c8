// Standard output for what a model writes, piece by piece.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/terminal/terminal.h"
#include "metrics/record.h"

namespace mm {

/// A reader of a pipe gets the bytes as they are; a terminal gets them without what it would obey.
class TextOutput {
 public:
  TextOutput();

  /// From now on pieces are painted in the colours of the experts that their tokens went to in that layer of the model,
  /// where standard output shows colours.
  void colour_by_expert(int64_t layer);

  /// Whole characters, which are out when this returns. Throws Error(kStorage) when they cannot be written.
  void write(std::string_view text) { write(text, {}); }
  void write(std::string_view text, const TokenRoute& route);

  /// How many pieces went to which expert since the last call, as a line for standard error: the key to the colours.
  std::string take_legend();

 private:
  bool is_terminal_;
  TerminalColours colours_ = TerminalColours::kNone;
  int64_t layer_ = -1;
  std::vector<int64_t> pieces_;  ///< of each expert
};

}  // namespace mm
