// Checks of strings, marks and containers, and the value that is left at the end.
#include "checkpoint/pth/pickle/pickle_stack.h"

#include "core/characters/utf8.h"

namespace mm {
namespace {

constexpr size_t kMostOpenMarks = 4 * kDeepestPickle;

}  // namespace

void PickleStack::push_string(std::string_view text) {
  if (!is_utf8(text)) cursor_.refuse("a string that is not UTF-8", "UTF-8");
  push_new(PickleKind::kString).text = {text.data(), text.size()};
}

void PickleStack::open_mark() {
  if (marks_.size() == kMostOpenMarks)
    cursor_.refuse("deeper nesting", std::to_string(kDeepestPickle) + " levels at most");
  marks_.push_back(stack_.size());
}

uint32_t PickleStack::only_value() const {
  if (stack_.size() != 1 || !marks_.empty())
    cursor_.refuse("an end with " + std::to_string(stack_.size()) + " values", "one");
  return stack_.back();
}

void PickleStack::append(const std::vector<uint32_t>& values) {
  const uint32_t list = top();
  if (!is(list, PickleKind::kList)) cursor_.refuse("items for another value", "for a list");
  items_of(list).insert(items_of(list).end(), values.begin(), values.end());
}

void PickleStack::set_items(const std::vector<uint32_t>& values) {
  const uint32_t dict = top();
  if (!is(dict, PickleKind::kDict)) cursor_.refuse("items for another value", "for a dict");
  if (values.size() % 2 != 0) cursor_.refuse("a key without a value", "pairs");
  for (size_t i = 0; i < values.size(); i += 2) {
    const PickleKind kind = node(values[i]).kind;
    if (kind != PickleKind::kString && kind != PickleKind::kInteger) {
      cursor_.refuse("a key that is neither a string nor an integer", "one that is");
    }
  }
  items_of(dict).insert(items_of(dict).end(), values.begin(), values.end());
}

}  // namespace mm
