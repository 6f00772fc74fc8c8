// What a pickle holds, as plain data: a tree of values that point into the pickle's bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mm {

/// The element types of torch's storages that we read and write.
enum class StorageDtype : uint8_t { kDouble, kLong, kFloat, kInt, kHalf, kBFloat16, kShort, kChar, kByte, kBool };

size_t dtype_bytes(StorageDtype dtype);
/// "FloatStorage", "HalfStorage", ...: the class in Python's module `torch`.
std::string_view storage_class(StorageDtype dtype);
/// The other way round; nothing for a class that we do not read.
std::optional<StorageDtype> storage_dtype(std::string_view storage_class);

/// A tensor as the pickle describes it: a view of a storage that lies elsewhere. Unchecked (pth_index.h checks it).
struct PickleTensor {
  StorageDtype dtype = StorageDtype::kFloat;
  std::string_view storage;      ///< the key of its storage: record `data/<key>`
  std::string_view location;     ///< the device it was saved from: "cpu", "cuda:0", ...
  int64_t storage_elements = 0;  ///< length of the whole storage
  int64_t offset = 0;            ///< of the first element, in elements
  std::vector<int64_t> sizes;
  std::vector<int64_t> strides;  ///< in elements
};

enum class PickleKind : uint8_t {
  kNone,
  kBool,
  kInteger,
  kReal,
  kString,  ///< valid UTF-8
  kBytes,
  kList,
  kTuple,
  kDict,  ///< a dict or an OrderedDict
  kTensor,
  kClass,    ///< only while a pickle is read: a name of the allow-list
  kStorage,  ///< only while a pickle is read: what a tensor views
};

/// The values of one pickle by number. Containers hold the numbers of their items, so values may be shared, and no
/// depth of nesting costs stack. Made by read_pickle(), read through PickleValue.
struct PickleTree {
  struct Text {
    const char* data;
    size_t size;
  };
  struct Node {
    PickleKind kind = PickleKind::kNone;
    uint32_t index = 0;  // into containers, storages or tensors
    union {
      bool boolean;
      int64_t integer = 0;
      double real;
      Text text;
    };
  };
  struct Storage {
    StorageDtype dtype;
    uint32_t key;       // a string
    uint32_t location;  // a string
    int64_t elements;
  };
  struct Tensor {
    uint32_t storage;  // into storages
    uint32_t sizes;    // a tuple of integers
    uint32_t strides;  // a tuple of integers
    int64_t offset;
  };

  std::string name;  ///< of the file, for messages
  std::vector<Node> nodes;
  std::vector<std::vector<uint32_t>> containers;  // of a dict: key, value, key, value, ...
  std::vector<Storage> storages;
  std::vector<Tensor> tensors;
  uint32_t root = 0;
};

/// A value of a tree that outlives it. Every accessor throws Error(kCheckpoint), naming the file and the place of the
/// value in it (`file.pth:optimizer.param_groups[0].lr`), when the value is of another kind.
class PickleValue {
 public:
  PickleValue(const PickleTree& tree, uint32_t node) : tree_(&tree), node_(node) {}

  PickleKind kind() const { return node().kind; }
  bool is(PickleKind other) const { return kind() == other; }

  bool boolean() const;
  int64_t integer() const;
  double number() const;  ///< of an integer or a real
  std::string_view string() const;
  std::string_view bytes() const;
  PickleTensor tensor() const;

  /// Of a list, tuple or dict.
  size_t size() const;
  /// Of a list or tuple, in order.
  std::vector<PickleValue> elements() const;
  /// Of a dict: keys (strings or integers, each once) and values in order.
  std::vector<std::pair<PickleValue, PickleValue>> entries() const;
  /// The value of a key of a dict, if it has one.
  std::optional<PickleValue> find(std::string_view key) const;
  std::optional<PickleValue> find(int64_t key) const;
  /// The same, and an error that lists the keys there are when it has none.
  PickleValue at(std::string_view key) const;
  PickleValue at(int64_t key) const;

  /// `<file>:<keys that lead here>`. The first of several ways to a shared container.
  std::string where() const;

 private:
  const PickleTree::Node& node() const { return tree_->nodes[node_]; }
  const std::vector<uint32_t>& items() const { return tree_->containers[node().index]; }
  const PickleTree::Node& expect(PickleKind kind, const char* want) const;
  [[noreturn]] void refuse(const char* want) const;
  [[noreturn]] void refuse_key(const std::string& key) const;

  const PickleTree* tree_;
  uint32_t node_;
};

/// "a string", "a list of 3", "the integer 5", ...: a value for a message.
std::string describe(const PickleValue& value);

}  // namespace mm
