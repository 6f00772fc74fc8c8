// What the opcodes of a pickle work on: new values, a stack with marks, and a memo of values to come back to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "checkpoint/pth/pickle/pickle_cursor.h"
#include "checkpoint/pth/pickle/pickle_limits.h"
#include "checkpoint/pth/pickle/pickle_tree.h"

namespace mm {

/// The stack machine's memory. Values are made in `tree` and known by their numbers in it. Whatever a pickle asks for
/// that is not there, or that is too much, is refused by `cursor`. Both must outlive the stack.
/// What runs for every value of a pickle is written here, so that it can be inlined.
class PickleStack {
 public:
  using Node = PickleTree::Node;

  PickleStack(const PickleCursor& cursor, PickleTree& tree) : cursor_(cursor), tree_(tree) {}

  // --- Values ------------------------------------------------------------------------------------------------------

  const Node& node(uint32_t value) const { return tree_.nodes[value]; }
  bool is(uint32_t value, PickleKind kind) const { return node(value).kind == kind; }
  /// Of a string.
  std::string_view text(uint32_t value) const { return {node(value).text.data, node(value).text.size}; }
  /// Of a list, tuple or dict; valid until the next container is pushed.
  const std::vector<uint32_t>& items(uint32_t container) const { return tree_.containers[node(container).index]; }

  void push(uint32_t value) { stack_.push_back(value); }

  /// Pushes a new value, to be filled in before the next one is pushed.
  Node& push_new(PickleKind kind, size_t index = 0) {
    if (tree_.nodes.size() == kMostPickleValues) {
      cursor_.refuse("more values", "at most " + std::to_string(kMostPickleValues));
    }
    push(static_cast<uint32_t>(tree_.nodes.size()));
    Node& node = tree_.nodes.emplace_back();
    node.kind = kind;
    node.index = static_cast<uint32_t>(index);
    return node;
  }

  void push_integer(int64_t value) { push_new(PickleKind::kInteger).integer = value; }
  void push_bytes(std::string_view text) { push_new(PickleKind::kBytes).text = {text.data(), text.size()}; }
  void push_string(std::string_view text);

  Node& push_container(PickleKind kind, std::vector<uint32_t> items) {
    tree_.containers.push_back(std::move(items));
    return push_new(kind, tree_.containers.size() - 1);
  }

  /// An OrderedDict is marked, as it alone may be given attributes.
  void push_dict(bool ordered) { push_container(PickleKind::kDict, {}).boolean = ordered; }

  // --- Stack -------------------------------------------------------------------------------------------------------

  uint32_t top() const {
    if (stack_.size() <= floor()) cursor_.refuse("an opcode that wants more values", "them");
    return stack_.back();
  }

  uint32_t pop() {
    const uint32_t value = top();
    stack_.pop_back();
    return value;
  }

  uint32_t pop(PickleKind kind, const char* want) {
    const uint32_t value = pop();
    if (!is(value, kind)) cursor_.refuse("another value", want);
    return value;
  }

  std::vector<uint32_t> pop_several(size_t count) {
    if (stack_.size() - floor() < count) cursor_.refuse("an opcode that wants more values", "them");
    std::vector<uint32_t> values(stack_.end() - static_cast<ptrdiff_t>(count), stack_.end());
    stack_.resize(stack_.size() - count);
    return values;
  }

  std::vector<uint32_t> pop_to_mark() {
    if (marks_.empty()) cursor_.refuse("an opcode that wants a mark", "one");
    std::vector<uint32_t> values = pop_several(stack_.size() - marks_.back());
    marks_.pop_back();
    return values;
  }

  void open_mark();

  /// The value that a whole pickle leaves behind.
  uint32_t only_value() const;

  // --- The container on top ----------------------------------------------------------------------------------------

  void append(const std::vector<uint32_t>& values);
  /// `values`: key, value, key, value, ...
  void set_items(const std::vector<uint32_t>& values);

  // --- Memo --------------------------------------------------------------------------------------------------------

  /// Stores the value on top.
  void put(uint64_t key) {
    // A pickle has at most one key for each of its bytes, and numbers them from 0.
    if (key >= cursor_.size()) cursor_.refuse("the memo key " + std::to_string(key), "keys without gaps");
    if (key >= memo_.size()) memo_.resize(key + 1, kNothing);
    memo_[key] = top();
  }

  void put_next() { put(memo_.size()); }

  /// Pushes a value that was stored.
  void get(uint64_t key) {
    if (key >= memo_.size() || memo_[key] == kNothing) {
      cursor_.refuse("the memo key " + std::to_string(key), "one that was stored before");
    }
    const Node& value = node(memo_[key]);
    // Containers stay shared. A scalar is copied, so that every place in the tree has a node of its own.
    const bool shared = value.kind == PickleKind::kList || value.kind == PickleKind::kTuple ||
                        value.kind == PickleKind::kDict || value.kind == PickleKind::kTensor;
    if (shared) return push(memo_[key]);
    const Node copy = value;
    push_new(copy.kind) = copy;
  }

 private:
  static constexpr uint32_t kNothing = std::numeric_limits<uint32_t>::max();

  /// Values below the innermost mark are out of reach until it is taken.
  size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }

  std::vector<uint32_t>& items_of(uint32_t container) { return tree_.containers[node(container).index]; }

  const PickleCursor& cursor_;
  PickleTree& tree_;
  std::vector<uint32_t> stack_;
  std::vector<size_t> marks_;  // heights of the stack
  std::vector<uint32_t> memo_;
};

}  // namespace mm
