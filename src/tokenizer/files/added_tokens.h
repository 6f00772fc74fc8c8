// The tokens that are cut out of the raw text before anything else looks at it.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mm {

/// Finds added tokens in a text: the leftmost, of those that begin there the longest, and on behind it.
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

  explicit AddedTokenMatcher(const std::vector<Token>& tokens);

  /// Replaces `matches` by those in `text`, from left to right. Takes time in proportion to the length of the text,
  /// whatever the tokens are.
  void find(std::string_view text, std::vector<Match>& matches) const;

 private:
  static constexpr uint32_t kRoot = 0;  ///< which is nobody's child, so that it also says "none"
  static constexpr uint32_t kNoLength = 0;

  /// What the text behind a place begins with, read backwards: a trie of the reversed tokens.
  struct Node {
    unsigned char byte;
    uint32_t first_child = kRoot, next_sibling = kRoot;
    uint32_t fallback = kRoot;    ///< the node of the longest shorter text that this one begins with
    uint32_t length = kNoLength;  ///< of the longest token that this text begins with
    int32_t id = 0;               ///< of that token
  };

  uint32_t child(uint32_t node, unsigned char byte) const;
  uint32_t step(uint32_t node, unsigned char byte) const;
  size_t skip_backwards(std::string_view text, size_t end) const;
  void add(std::string_view content, int32_t id, std::vector<uint32_t>& path);
  void link();

  std::vector<Node> nodes_;
  std::array<uint32_t, 256> first_{};  ///< the children of the root by byte: what tokens may end in
  int only_last_byte_ = -1;            ///< if all tokens end in the same byte
};

}  // namespace mm
