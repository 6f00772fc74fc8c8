// One recursion over the tree.
#include "tests/fuzz/pickle_walk.h"

#include "checkpoint/pth/pickle/pickle_limits.h"
#include "core/characters/utf8.h"
#include "tests/fuzz/expect.h"

namespace mm {
namespace {

/// Errors search the tree for the place of a value; for all values that would take quadratic time.
constexpr size_t kMisusedValues = 8;

/// Every value is of at most two of these kinds, so at least the others refuse it.
void misuse(const PickleValue& value) {
  const auto try_out = [](const auto& access) { allow_refusal(ExitCode::kCheckpoint, access); };
  try_out([&] { value.boolean(); });
  try_out([&] { value.integer(); });
  try_out([&] { value.number(); });
  try_out([&] { value.string(); });
  try_out([&] { value.bytes(); });
  try_out([&] { value.tensor(); });
  try_out([&] { value.size(); });
  try_out([&] { value.elements(); });
  try_out([&] { value.at("no such key"); });
  try_out([&] { value.at(int64_t{-1}); });
}

class Walk {
 public:
  Walk(size_t most_values, const std::function<void(const PickleTensor&)>& visit_tensor)
      : most_values_(most_values), visit_tensor_(visit_tensor) {}

  void visit(const PickleValue& value, size_t depth) {
    expect(++values_ <= most_values_, "a pickle has values in proportion to its bytes");
    if (values_ <= kMisusedValues) misuse(value);
    expect(!describe(value).empty(), "a value can be described");
    switch (value.kind()) {
      case PickleKind::kNone:
      case PickleKind::kBool:
      case PickleKind::kInteger:
      case PickleKind::kReal:
      case PickleKind::kBytes:
        return;
      case PickleKind::kString:
        return expect(lossy_utf8(value.string()) == value.string(), "a string is UTF-8");
      case PickleKind::kTensor:
        return visit_tensor_(value.tensor());
      case PickleKind::kList:
      case PickleKind::kTuple:
        expect(depth < kDeepestPickle, "nesting is bounded");
        for (const PickleValue& element : value.elements()) visit(element, depth + 1);
        return;
      case PickleKind::kDict:
        expect(depth < kDeepestPickle, "nesting is bounded");
        return visit_dict(value, depth);
      case PickleKind::kClass:
      case PickleKind::kStorage:
        expect(false, "what is left of a pickle is data");
    }
  }

 private:
  void visit_dict(const PickleValue& dict, size_t depth) {
    for (const auto& [key, value] : dict.entries()) {
      const PickleValue found = key.is(PickleKind::kString) ? dict.at(key.string()) : dict.at(key.integer());
      expect(found.kind() == value.kind(), "every key is there once");
      visit(key, depth + 1);
      visit(value, depth + 1);
    }
  }

  const size_t most_values_;
  const std::function<void(const PickleTensor&)>& visit_tensor_;
  size_t values_ = 0;
};

}  // namespace

void walk_pickle(const PickleValue& root, size_t pickle_bytes,
                 const std::function<void(const PickleTensor&)>& visit_tensor) {
  Walk(1024 + kMostValuesPerByte * pickle_bytes, visit_tensor).visit(root, 0);
}

}  // namespace mm
