// One pass over every container, however often it is shared.
#include "checkpoint/pth/pickle/pickle_limits.h"

#include <algorithm>
#include <functional>

#include "core/error.h"
#include "core/json/json_text.h"

namespace mm {
namespace {

class LimitCheck {
 public:
  LimitCheck(const PickleTree& tree, size_t pickle_bytes)
      : tree_(tree),
        most_values_(std::min(kMostPickleValues, 1024 + kMostValuesPerByte * pickle_bytes)),
        containers_(tree.containers.size()) {}

  void run() { check(tree_.root, 0); }

 private:
  struct Extent {
    uint32_t values = 0;  // with every repeat
    uint32_t levels = 0;
  };
  struct State {
    bool open = false;
    bool done = false;
    Extent extent;
  };

  [[noreturn]] void refuse(const std::string& got, const std::string& want) const {
    throw Error(ExitCode::kCheckpoint, got_want(tree_.name + ":data.pkl", got, want,
                                                "the file is damaged, or not of torch.save; take another copy"));
  }

  /// The size of a value that lies `depth` levels below the root.
  Extent check(uint32_t number, size_t depth) {
    const PickleTree::Node& node = tree_.nodes[number];
    switch (node.kind) {
      case PickleKind::kClass:
      case PickleKind::kStorage:
        refuse("a class or storage by itself", "tensors, numbers, strings and containers of them");
      case PickleKind::kList:
      case PickleKind::kTuple:
      case PickleKind::kDict:
        return check_container(node, depth);
      default:
        return {1, 0};
    }
  }

  Extent check_container(const PickleTree::Node& node, size_t depth) {
    State& state = containers_[node.index];
    if (state.open) refuse("a container that holds itself", "a tree of values");
    if (!state.done) {
      if (depth == kDeepestPickle) refuse_depth();
      if (node.kind == PickleKind::kDict) check_keys(tree_.containers[node.index]);
      state.open = true;
      state.extent = sum_items(tree_.containers[node.index], depth);
      state.open = false;
      state.done = true;
    }
    if (depth + state.extent.levels > kDeepestPickle) refuse_depth();
    return state.extent;
  }

  Extent sum_items(const std::vector<uint32_t>& items, size_t depth) {
    Extent sum{1, 1};
    for (const uint32_t item : items) {
      const Extent extent = check(item, depth + 1);
      sum.levels = std::max(sum.levels, 1 + extent.levels);
      sum.values += extent.values;  // cannot overflow: neither is above the limit
      if (sum.values > most_values_) {
        refuse("more than " + std::to_string(most_values_) + " values, shared ones counted each time", "fewer");
      }
    }
    return sum;
  }

  [[noreturn]] void refuse_depth() const {
    refuse("deeper nesting", std::to_string(kDeepestPickle) + " levels at most");
  }

  void check_keys(const std::vector<uint32_t>& items) {
    std::vector<std::string_view> strings;
    std::vector<int64_t> integers;
    for (size_t i = 0; i < items.size(); i += 2) {
      const PickleValue key(tree_, items[i]);
      if (key.is(PickleKind::kString)) {
        strings.push_back(key.string());
      } else {
        integers.push_back(key.integer());
      }
    }
    // First by place: a shared key costs no bytes, so comparing the text of each would take time without end.
    const auto same_place = [](std::string_view x, std::string_view y) { return x.data() == y.data(); };
    std::sort(strings.begin(), strings.end(),
              [](std::string_view x, std::string_view y) { return std::less<>()(x.data(), y.data()); });
    auto string = std::adjacent_find(strings.begin(), strings.end(), same_place);
    if (string == strings.end()) {
      std::sort(strings.begin(), strings.end());
      string = std::adjacent_find(strings.begin(), strings.end());
    }
    if (string != strings.end()) refuse("the key " + show_key(*string) + " twice", "it once");
    std::sort(integers.begin(), integers.end());
    const auto integer = std::adjacent_find(integers.begin(), integers.end());
    if (integer != integers.end()) refuse("the key " + std::to_string(*integer) + " twice", "it once");
  }

  const PickleTree& tree_;
  const size_t most_values_;
  std::vector<State> containers_;
};

}  // namespace

void check_pickle_limits(const PickleTree& tree, size_t pickle_bytes) {
  LimitCheck(tree, pickle_bytes).run();
}

}  // namespace mm
