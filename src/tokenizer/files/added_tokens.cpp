// Aho and Corasick's automaton, backwards: one pass from the end tells for every place the longest token that begins
// there. Source: A. V. Aho, M. J. Corasick, "Efficient string matching: an aid to bibliographic search", 1975.
#include "tokenizer/files/added_tokens.h"

#include <algorithm>
#include <cstring>

namespace mm {

AddedTokenMatcher::AddedTokenMatcher(const std::vector<Token>& tokens) : nodes_(1) {
  std::vector<const Token*> sorted;
  for (const Token& token : tokens) sorted.push_back(&token);
  std::ranges::sort(sorted, [](const Token* a, const Token* b) {
    return std::lexicographical_compare(a->content.rbegin(), a->content.rend(), b->content.rbegin(), b->content.rend());
  });
  std::vector<uint32_t> path = {kRoot};
  for (const Token* token : sorted) add(token->content, token->id, path);
  link();
  for (uint32_t node = nodes_[kRoot].first_child; node != kRoot; node = nodes_[node].next_sibling) {
    first_[nodes_[node].byte] = node;
    only_last_byte_ = nodes_[node].next_sibling == kRoot && node == nodes_[kRoot].first_child ? nodes_[node].byte : -1;
  }
}

/// Tokens come sorted from their ends: `path`, the nodes of the one before, has all that is new as a last child.
void AddedTokenMatcher::add(std::string_view content, int32_t id, std::vector<uint32_t>& path) {
  const auto byte_at = [&](size_t depth) { return static_cast<unsigned char>(content[content.size() - 1 - depth]); };
  size_t depth = 0;
  while (depth + 1 < path.size() && depth < content.size() && nodes_[path[depth + 1]].byte == byte_at(depth)) ++depth;
  const uint32_t elder = depth + 1 < path.size() ? path[depth + 1] : kRoot;
  path.resize(depth + 1);
  for (bool first = true; depth < content.size(); ++depth, first = false) {
    const auto node = static_cast<uint32_t>(nodes_.size());
    nodes_.push_back({.byte = byte_at(depth)});
    (first && elder != kRoot ? nodes_[elder].next_sibling : nodes_[path.back()].first_child) = node;
    path.push_back(node);
  }
  nodes_[path.back()].length = static_cast<uint32_t>(content.size());
  nodes_[path.back()].id = id;
}

/// Level by level, because a fallback lies on a higher one.
void AddedTokenMatcher::link() {
  std::vector<uint32_t> level = {kRoot};
  for (size_t next = 0; next < level.size(); ++next) {
    const uint32_t parent = level[next];
    for (uint32_t node = nodes_[parent].first_child; node != kRoot; node = nodes_[node].next_sibling) {
      Node& linked = nodes_[node];
      if (parent != kRoot) linked.fallback = step(nodes_[parent].fallback, linked.byte);
      if (linked.length == kNoLength) {
        linked.length = nodes_[linked.fallback].length;
        linked.id = nodes_[linked.fallback].id;
      }
      level.push_back(node);
    }
  }
}

void AddedTokenMatcher::find(std::string_view text, std::vector<Match>& matches) const {
  matches.clear();
  uint32_t node = kRoot;
  for (size_t end = text.size(); end > 0; --end) {
    if (node == kRoot) {
      end = skip_backwards(text, end);
      if (end == 0) break;
      node = first_[static_cast<unsigned char>(text[end - 1])];
    } else {
      node = step(node, static_cast<unsigned char>(text[end - 1]));
    }
    const Node& reached = nodes_[node];
    if (reached.length != kNoLength) matches.push_back({end - 1, reached.length, reached.id});
  }
  std::ranges::reverse(matches);
  size_t kept = 0, taken = 0;  // matches, bytes
  for (const Match& match : matches) {
    if (match.begin < taken) continue;
    taken = match.begin + match.length;
    matches[kept++] = match;
  }
  matches.resize(kept);
}

uint32_t AddedTokenMatcher::child(uint32_t node, unsigned char byte) const {
  uint32_t found = nodes_[node].first_child;
  while (found != kRoot && nodes_[found].byte != byte) found = nodes_[found].next_sibling;
  return found;
}

uint32_t AddedTokenMatcher::step(uint32_t node, unsigned char byte) const {
  while (true) {
    const uint32_t next = child(node, byte);
    if (next != kRoot || node == kRoot) return next;
    node = nodes_[node].fallback;
  }
}

/// The end of the last byte before `end` that some token ends in, or 0.
size_t AddedTokenMatcher::skip_backwards(std::string_view text, size_t end) const {
  if (only_last_byte_ >= 0) {
    const void* found = memrchr(text.data(), only_last_byte_, end);
    return found == nullptr ? 0 : static_cast<size_t>(static_cast<const char*>(found) - text.data()) + 1;
  }
  while (end > 0 && first_[static_cast<unsigned char>(text[end - 1])] == kRoot) --end;
  return end;
}

}  // namespace mm
