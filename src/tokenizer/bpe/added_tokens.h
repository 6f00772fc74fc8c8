// The tokens that are cut out of the raw text before anything else looks at it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mm {

/// Finds added tokens in a text: the leftmost, and of those that begin there the longest.
class AddedTokenMatcher {
 public:
  struct Token {
    std::string content;  ///< not empty
    int32_t id;
  };
  struct Match {
    size_t begin, length;  ///< bytes
    int32_t id;
  };

  explicit AddedTokenMatcher(std::vector<Token> tokens);

  /// The first match. A text takes time proportional to its length times, at worst, that of the longest token.
  std::optional<Match> find(std::string_view text) const;

 private:
  /// Tokens [begin, end) of the sorted list.
  struct Group {
    uint32_t begin = 0, end = 0;
  };

  Group narrowed(Group group, size_t depth, char byte) const;

  std::vector<Token> tokens_;          ///< sorted by their bytes
  std::array<Group, 256> by_first_{};  ///< those that begin with a byte
};

}  // namespace mm
