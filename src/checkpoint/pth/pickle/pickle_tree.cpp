// Typed access to a tree, with errors that say where in the file they are.
#include "checkpoint/pth/pickle/pickle_tree.h"

#include <algorithm>
#include <iterator>

#include "core/error.h"
#include "core/json/json_text.h"
#include "core/text.h"

namespace mm {
namespace {

constexpr size_t kKeysShown = 12;

struct StorageRow {
  StorageDtype dtype;
  std::string_view storage_class;
  size_t bytes;
};

constexpr StorageRow kStorageRows[] = {
    {StorageDtype::kDouble, "DoubleStorage", 8}, {StorageDtype::kLong, "LongStorage", 8},
    {StorageDtype::kFloat, "FloatStorage", 4},   {StorageDtype::kInt, "IntStorage", 4},
    {StorageDtype::kHalf, "HalfStorage", 2},     {StorageDtype::kBFloat16, "BFloat16Storage", 2},
    {StorageDtype::kShort, "ShortStorage", 2},   {StorageDtype::kChar, "CharStorage", 1},
    {StorageDtype::kByte, "ByteStorage", 1},     {StorageDtype::kBool, "BoolStorage", 1},
};

const StorageRow& storage_row(StorageDtype dtype) {
  return *std::find_if(std::begin(kStorageRows), std::end(kStorageRows),
                       [&](const StorageRow& row) { return row.dtype == dtype; });
}

std::string step_of_index(int64_t index) {
  return format("[%lld]", static_cast<long long>(index));
}

std::string step_of_key(const PickleTree& tree, uint32_t key) {
  const PickleValue value(tree, key);
  if (value.is(PickleKind::kInteger)) return step_of_index(value.integer());
  std::string step = ".";
  return step += show_key(value.string());
}

/// Finds the way from `from` to `to` and writes its steps to `path`. Nesting is bounded by read_pickle().
bool find_path(const PickleTree& tree, uint32_t from, uint32_t to, std::string& path) {
  if (from == to) return true;
  const PickleTree::Node& node = tree.nodes[from];
  const bool is_dict = node.kind == PickleKind::kDict;
  if (!is_dict && node.kind != PickleKind::kList && node.kind != PickleKind::kTuple) return false;
  const std::vector<uint32_t>& items = tree.containers[node.index];
  const size_t length = path.size();
  for (size_t i = 0; i < items.size(); i += is_dict ? 2 : 1) {
    if (!find_path(tree, items[is_dict ? i + 1 : i], to, path)) continue;
    path.insert(length, is_dict ? step_of_key(tree, items[i]) : step_of_index(static_cast<int64_t>(i)));
    return true;
  }
  return false;
}

}  // namespace

size_t dtype_bytes(StorageDtype dtype) {
  return storage_row(dtype).bytes;
}

std::string_view storage_class(StorageDtype dtype) {
  return storage_row(dtype).storage_class;
}

std::optional<StorageDtype> storage_dtype(std::string_view storage_class) {
  for (const StorageRow& row : kStorageRows) {
    if (row.storage_class == storage_class) return row.dtype;
  }
  return std::nullopt;
}

std::string describe(const PickleValue& value) {
  switch (value.kind()) {
    case PickleKind::kNone:
      return "None";
    case PickleKind::kBool:
      return value.boolean() ? "True" : "False";
    case PickleKind::kInteger:
      return "the integer " + std::to_string(value.integer());
    case PickleKind::kReal:
      return "the number " + format("%.9g", value.number());
    case PickleKind::kString:
      return "the string " + show_key(value.string());
    case PickleKind::kBytes:
      return "bytes";
    case PickleKind::kList:
      return "a list of " + std::to_string(value.size());
    case PickleKind::kTuple:
      return "a tuple of " + std::to_string(value.size());
    case PickleKind::kDict:
      return "a dict of " + std::to_string(value.size());
    case PickleKind::kTensor:
      return "a tensor";
    case PickleKind::kClass:
      return "a class";
    case PickleKind::kStorage:
      return "a storage";
  }
  return "";
}

std::string PickleValue::where() const {
  std::string path;
  find_path(*tree_, tree_->root, node_, path);
  if (path.starts_with('.')) path.erase(0, 1);
  return path.empty() ? tree_->name : tree_->name + ":" + path;
}

void PickleValue::refuse(const char* want) const {
  throw Error(ExitCode::kCheckpoint, got_want(where(), describe(*this), want));
}

void PickleValue::refuse_key(const std::string& key) const {
  std::vector<std::string> keys;
  for (const auto& [name, value] : entries()) {
    if (keys.size() == kKeysShown) break;
    keys.push_back(step_of_key(*tree_, name.node_).substr(1));
  }
  std::string have = keys.empty() ? "an empty dict" : "the keys " + join(keys, ", ");
  if (size() > keys.size()) have += ", ... (" + std::to_string(size()) + " in all)";
  throw Error(ExitCode::kCheckpoint, got_want(where(), have, "the key " + key));
}

const PickleTree::Node& PickleValue::expect(PickleKind wanted, const char* want) const {
  if (kind() != wanted) refuse(want);
  return node();
}

bool PickleValue::boolean() const {
  return expect(PickleKind::kBool, "True or False").boolean;
}

int64_t PickleValue::integer() const {
  return expect(PickleKind::kInteger, "an integer").integer;
}

double PickleValue::number() const {
  if (is(PickleKind::kInteger)) return static_cast<double>(node().integer);
  return expect(PickleKind::kReal, "a number").real;
}

std::string_view PickleValue::string() const {
  const PickleTree::Text& text = expect(PickleKind::kString, "a string").text;
  return {text.data, text.size};
}

std::string_view PickleValue::bytes() const {
  const PickleTree::Text& text = expect(PickleKind::kBytes, "bytes").text;
  return {text.data, text.size};
}

PickleTensor PickleValue::tensor() const {
  const PickleTree::Tensor& tensor = tree_->tensors[expect(PickleKind::kTensor, "a tensor").index];
  const PickleTree::Storage& storage = tree_->storages[tensor.storage];
  const auto integers = [&](uint32_t tuple) {
    std::vector<int64_t> values;
    for (const uint32_t item : tree_->containers[tree_->nodes[tuple].index]) {
      values.push_back(tree_->nodes[item].integer);
    }
    return values;
  };
  return {storage.dtype,
          PickleValue(*tree_, storage.key).string(),
          PickleValue(*tree_, storage.location).string(),
          storage.elements,
          tensor.offset,
          integers(tensor.sizes),
          integers(tensor.strides)};
}

size_t PickleValue::size() const {
  if (is(PickleKind::kDict)) return items().size() / 2;
  if (!is(PickleKind::kList) && !is(PickleKind::kTuple)) refuse("a list, tuple or dict");
  return items().size();
}

std::vector<PickleValue> PickleValue::elements() const {
  if (!is(PickleKind::kList) && !is(PickleKind::kTuple)) refuse("a list or tuple");
  std::vector<PickleValue> values;
  for (const uint32_t item : items()) values.emplace_back(*tree_, item);
  return values;
}

std::vector<std::pair<PickleValue, PickleValue>> PickleValue::entries() const {
  expect(PickleKind::kDict, "a dict");
  std::vector<std::pair<PickleValue, PickleValue>> values;
  for (size_t i = 0; i < items().size(); i += 2) {
    values.emplace_back(PickleValue(*tree_, items()[i]), PickleValue(*tree_, items()[i + 1]));
  }
  return values;
}

std::optional<PickleValue> PickleValue::find(std::string_view key) const {
  expect(PickleKind::kDict, "a dict");
  for (size_t i = 0; i < items().size(); i += 2) {
    const PickleValue name(*tree_, items()[i]);
    if (name.is(PickleKind::kString) && name.string() == key) return PickleValue(*tree_, items()[i + 1]);
  }
  return std::nullopt;
}

std::optional<PickleValue> PickleValue::find(int64_t key) const {
  expect(PickleKind::kDict, "a dict");
  for (size_t i = 0; i < items().size(); i += 2) {
    const PickleValue name(*tree_, items()[i]);
    if (name.is(PickleKind::kInteger) && name.integer() == key) return PickleValue(*tree_, items()[i + 1]);
  }
  return std::nullopt;
}

PickleValue PickleValue::at(std::string_view key) const {
  const std::optional<PickleValue> value = find(key);
  if (!value) refuse_key(show_key(key));
  return *value;
}

PickleValue PickleValue::at(int64_t key) const {
  const std::optional<PickleValue> value = find(key);
  if (!value) refuse_key(std::to_string(key));
  return *value;
}

}  // namespace mm
