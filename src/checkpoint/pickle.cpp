// The stack machine of the format, over an allow-list.
#include "checkpoint/pickle.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "checkpoint/pickle_cursor.h"
#include "checkpoint/pickle_limits.h"
#include "core/json_tree.h"

namespace mm {
namespace {

using Node = PickleTree::Node;

constexpr size_t kLargestPickle = size_t{64} << 20;
constexpr size_t kLargestRank = 64;  // what ATen's own kernels go up to
constexpr size_t kLongestStorageKey = 256;
constexpr size_t kMostOpenMarks = 4 * kDeepestPickle;
constexpr uint32_t kNothing = std::numeric_limits<uint32_t>::max();
constexpr const char* kNoCode =
    "no code of a checkpoint is ever run; in Python, save plain data: torch.save(model.state_dict(), path)";

/// The names that a pickle may use, one more for each storage class from kFirstStorage on. What calling one means is
/// written in PickleMachine::call().
enum class Name : uint32_t { kOrderedDict, kSize, kRebuildTensor, kRebuildParameter, kFirstStorage };

struct AllowedName {
  std::string_view text;
  Name name;
};

constexpr AllowedName kAllowedNames[] = {
    {"collections.OrderedDict", Name::kOrderedDict},
    {"torch.Size", Name::kSize},
    {"torch._utils._rebuild_tensor_v2", Name::kRebuildTensor},
    {"torch._utils._rebuild_parameter", Name::kRebuildParameter},
};

class PickleMachine {
 public:
  PickleMachine(std::span<const std::byte> pickle, PickleTree& tree) : cursor_(pickle, tree.name), tree_(tree) {}

  void run() {
    if (cursor_.size() > kLargestPickle) {
      cursor_.refuse(std::to_string(cursor_.size()) + " bytes", "at most " + std::to_string(kLargestPickle));
    }
    const bool has_protocol = cursor_.size() >= 2 && cursor_.take_opcode() == PickleOp::kProtocol;
    const int protocol = has_protocol ? cursor_.take_number<uint8_t>() : 0;
    if (protocol < 2 || protocol > 5) cursor_.refuse("no pickle of protocol 2 to 5", "what torch.save writes");
    while (step()) continue;
    if (stack_.size() != 1 || !marks_.empty())
      cursor_.refuse("an end with " + std::to_string(stack_.size()) + " values", "one");
    if (cursor_.remaining() > 0) {
      cursor_.refuse(std::to_string(cursor_.remaining()) + " bytes after the end of the pickle", "none");
    }
    tree_.root = stack_.back();
  }

 private:
  // --- Values ------------------------------------------------------------------------------------------------------

  void push(uint32_t node) { stack_.push_back(node); }

  /// Pushes a new value, to be filled in.
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
  void push_string(std::string_view text) {
    if (!is_utf8(text)) cursor_.refuse("a string that is not UTF-8", "UTF-8");
    push_new(PickleKind::kString).text = {text.data(), text.size()};
  }

  Node& push_container(PickleKind kind, std::vector<uint32_t> items) {
    tree_.containers.push_back(std::move(items));
    return push_new(kind, tree_.containers.size() - 1);
  }

  /// An OrderedDict is marked, as it alone may be given attributes.
  void push_dict(bool ordered) { push_container(PickleKind::kDict, {}).boolean = ordered; }

  const Node& node(uint32_t number) const { return tree_.nodes[number]; }
  std::vector<uint32_t>& items(uint32_t container) { return tree_.containers[node(container).index]; }

  // --- Stack -------------------------------------------------------------------------------------------------------

  /// Values below the innermost mark are out of reach until it is taken.
  size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }

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
    if (node(value).kind != kind) cursor_.refuse("another value", want);
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

  void open_mark() {
    if (marks_.size() == kMostOpenMarks)
      cursor_.refuse("deeper nesting", std::to_string(kDeepestPickle) + " levels at most");
    marks_.push_back(stack_.size());
  }

  // --- Memo --------------------------------------------------------------------------------------------------------

  void put(uint64_t key) {
    // A pickle has at most one key for each of its bytes, and numbers them from 0.
    if (key >= cursor_.size()) cursor_.refuse("the memo key " + std::to_string(key), "keys without gaps");
    if (key >= memo_.size()) memo_.resize(key + 1, kNothing);
    memo_[key] = top();
  }

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

  // --- Names and calls ---------------------------------------------------------------------------------------------

  void push_name(std::string_view module, std::string_view name) {
    const std::string text = std::string(module) + "." + std::string(name);
    for (const AllowedName& allowed : kAllowedNames) {
      if (text == allowed.text) return push_name(static_cast<uint32_t>(allowed.name));
    }
    const std::optional<StorageDtype> dtype = module == "torch" ? storage_dtype(name) : std::nullopt;
    if (dtype) return push_name(static_cast<uint32_t>(Name::kFirstStorage) + static_cast<uint32_t>(*dtype));
    cursor_.refuse("the Python name " + show_key(text), "only the names that float, int and bool tensors need",
                   kNoCode);
  }

  void push_name(uint32_t name) { push_new(PickleKind::kClass, name); }

  void call() {
    const std::vector<uint32_t> arguments = items(pop(PickleKind::kTuple, "a tuple of arguments"));
    const uint32_t name = node(pop(PickleKind::kClass, "one of the names that tensors need")).index;
    switch (static_cast<Name>(name)) {
      case Name::kOrderedDict:
        if (!arguments.empty()) cursor_.refuse("an OrderedDict with arguments", "items set one by one");
        return push_dict(true);
      case Name::kSize:
        if (arguments.size() != 1 || node(arguments[0]).kind != PickleKind::kTuple)
          cursor_.refuse("torch.Size", "of a tuple");
        return push(arguments[0]);
      case Name::kRebuildParameter:
        if (arguments.size() != 3 || node(arguments[0]).kind != PickleKind::kTensor) {
          cursor_.refuse("a parameter without its tensor", "a tensor, requires_grad and hooks");
        }
        return push(arguments[0]);
      case Name::kRebuildTensor:
        return push_tensor(arguments);
      default:
        cursor_.refuse("a storage class that is called", "a persistent id");
    }
  }

  void push_tensor(const std::vector<uint32_t>& arguments) {
    constexpr const char* kWant = "storage, offset, sizes, strides, requires_grad and hooks";
    if (arguments.size() != 6 && arguments.size() != 7) {
      cursor_.refuse("a tensor of " + std::to_string(arguments.size()) + " parts", kWant);
    }
    const bool well_typed = node(arguments[0]).kind == PickleKind::kStorage &&
                            node(arguments[1]).kind == PickleKind::kInteger && is_shape(arguments[2]) &&
                            is_shape(arguments[3]) && node(arguments[4]).kind == PickleKind::kBool &&
                            node(arguments[5]).kind == PickleKind::kDict;
    if (!well_typed) cursor_.refuse("a tensor with parts of other types", kWant);
    if (items(arguments[2]).size() != items(arguments[3]).size()) {
      cursor_.refuse("a tensor of " + std::to_string(items(arguments[2]).size()) + " sizes and " +
                         std::to_string(items(arguments[3]).size()) + " strides",
                     "as many of both");
    }
    // A lazily conjugated or negated tensor has other values than its storage.
    const bool lazy = arguments.size() == 7 && node(arguments[6]).kind != PickleKind::kNone &&
                      !(node(arguments[6]).kind == PickleKind::kDict && items(arguments[6]).empty());
    if (lazy) cursor_.refuse("a tensor with metadata", "a plain one", "in Python, save tensor.resolve_neg().clone()");
    tree_.tensors.push_back({node(arguments[0]).index, arguments[2], arguments[3], node(arguments[1]).integer});
    push_new(PickleKind::kTensor, tree_.tensors.size() - 1);
  }

  bool is_shape(uint32_t value) {
    if (node(value).kind != PickleKind::kTuple) return false;
    const std::vector<uint32_t>& numbers = items(value);
    if (numbers.size() > kLargestRank) {
      cursor_.refuse("a tensor of " + std::to_string(numbers.size()) + " dimensions",
                     "at most " + std::to_string(kLargestRank));
    }
    return std::all_of(numbers.begin(), numbers.end(),
                       [&](uint32_t number) { return node(number).kind == PickleKind::kInteger; });
  }

  /// ("storage", class, key, location, number of elements)
  void push_storage() {
    const std::vector<uint32_t>& parts = items(pop(PickleKind::kTuple, "a tuple that names a storage"));
    const bool well_typed = parts.size() == 5 && node(parts[0]).kind == PickleKind::kString &&
                            std::string_view(node(parts[0]).text.data, node(parts[0]).text.size) == "storage" &&
                            node(parts[1]).kind == PickleKind::kClass &&
                            node(parts[1]).index >= static_cast<uint32_t>(Name::kFirstStorage) &&
                            node(parts[2]).kind == PickleKind::kString && node(parts[3]).kind == PickleKind::kString &&
                            node(parts[4]).kind == PickleKind::kInteger;
    // torch.save numbers them; a long key, looked up for every tensor, would only cost time.
    if (well_typed && node(parts[2]).text.size > kLongestStorageKey) cursor_.refuse("a long storage key", "a number");
    if (!well_typed) cursor_.refuse("a persistent id that names no storage", "class, key, location and length of one");
    const uint32_t dtype = node(parts[1]).index - static_cast<uint32_t>(Name::kFirstStorage);
    tree_.storages.push_back({static_cast<StorageDtype>(dtype), parts[2], parts[3], node(parts[4]).integer});
    push_new(PickleKind::kStorage, tree_.storages.size() - 1);
  }

  /// Attributes of an OrderedDict: nothing in them belongs to the state dict.
  void build() {
    pop();
    const Node& object = node(top());
    if (object.kind != PickleKind::kDict || !object.boolean)
      cursor_.refuse("attributes of a value", "of an OrderedDict only");
  }

  void append(const std::vector<uint32_t>& values) {
    const uint32_t list = top();
    if (node(list).kind != PickleKind::kList) cursor_.refuse("items for another value", "for a list");
    items(list).insert(items(list).end(), values.begin(), values.end());
  }

  void set_items(const std::vector<uint32_t>& values) {
    const uint32_t dict = top();
    if (node(dict).kind != PickleKind::kDict) cursor_.refuse("items for another value", "for a dict");
    if (values.size() % 2 != 0) cursor_.refuse("a key without a value", "pairs");
    for (size_t i = 0; i < values.size(); i += 2) {
      const PickleKind kind = node(values[i]).kind;
      if (kind != PickleKind::kString && kind != PickleKind::kInteger) {
        cursor_.refuse("a key that is neither a string nor an integer", "one that is");
      }
    }
    items(dict).insert(items(dict).end(), values.begin(), values.end());
  }

  // --- Opcodes -----------------------------------------------------------------------------------------------------

  /// Runs one opcode; false at the end of the pickle.
  bool step() {
    const PickleOp op = cursor_.take_opcode();
    switch (op) {
      case PickleOp::kStop:
        return false;
      case PickleOp::kMark:
        open_mark();
        break;
      case PickleOp::kNone:
        push_new(PickleKind::kNone);
        break;
      case PickleOp::kTrue:
      case PickleOp::kFalse:
        push_new(PickleKind::kBool).boolean = op == PickleOp::kTrue;
        break;
      case PickleOp::kBinInt:
        push_integer(cursor_.take_number<int32_t>());
        break;
      case PickleOp::kBinInt1:
        push_integer(cursor_.take_number<uint8_t>());
        break;
      case PickleOp::kBinInt2:
        push_integer(cursor_.take_number<uint16_t>());
        break;
      case PickleOp::kLong1:
        push_integer(cursor_.take_long(cursor_.take_number<uint8_t>()));
        break;
      case PickleOp::kBinFloat:
        push_new(PickleKind::kReal).real = cursor_.take_big_endian_double();
        break;
      case PickleOp::kShortBinUnicode:
        push_string(cursor_.take_text(cursor_.take_number<uint8_t>()));
        break;
      case PickleOp::kBinUnicode:
        push_string(cursor_.take_text(cursor_.take_number<uint32_t>()));
        break;
      case PickleOp::kBinUnicode8:
        push_string(cursor_.take_text(cursor_.take_number<uint64_t>()));
        break;
      case PickleOp::kShortBinBytes:
        push_bytes(cursor_.take_text(cursor_.take_number<uint8_t>()));
        break;
      case PickleOp::kBinBytes:
        push_bytes(cursor_.take_text(cursor_.take_number<uint32_t>()));
        break;
      case PickleOp::kBinBytes8:
        push_bytes(cursor_.take_text(cursor_.take_number<uint64_t>()));
        break;
      case PickleOp::kEmptyTuple:
        push_container(PickleKind::kTuple, {});
        break;
      case PickleOp::kTuple1:
      case PickleOp::kTuple2:
      case PickleOp::kTuple3: {
        const size_t count = 1 + static_cast<size_t>(op) - static_cast<size_t>(PickleOp::kTuple1);
        push_container(PickleKind::kTuple, pop_several(count));
        break;
      }
      case PickleOp::kTuple:
        push_container(PickleKind::kTuple, pop_to_mark());
        break;
      case PickleOp::kEmptyList:
        push_container(PickleKind::kList, {});
        break;
      case PickleOp::kAppend:
        append(pop_several(1));
        break;
      case PickleOp::kAppends:
        append(pop_to_mark());
        break;
      case PickleOp::kEmptyDict:
        push_dict(false);
        break;
      case PickleOp::kSetItem:
        set_items(pop_several(2));
        break;
      case PickleOp::kSetItems:
        set_items(pop_to_mark());
        break;
      case PickleOp::kBinPut:
        put(cursor_.take_number<uint8_t>());
        break;
      case PickleOp::kLongBinPut:
        put(cursor_.take_number<uint32_t>());
        break;
      case PickleOp::kMemoize:
        put(memo_.size());
        break;
      case PickleOp::kBinGet:
        get(cursor_.take_number<uint8_t>());
        break;
      case PickleOp::kLongBinGet:
        get(cursor_.take_number<uint32_t>());
        break;
      case PickleOp::kFrame:
        // A frame says how much to read at once; all of it is here.
        cursor_.take_number<uint64_t>();
        break;
      default:
        name_step(op);
    }
    return true;
  }

  /// The opcodes that use names.
  void name_step(PickleOp op) {
    switch (op) {
      case PickleOp::kGlobal:
      case PickleOp::kInstance: {
        const std::string_view module = cursor_.take_line();
        const std::string_view name = cursor_.take_line();
        push_name(module, name);
        if (op == PickleOp::kInstance) cursor_.refuse("an instance of " + show_key(name), "plain data", kNoCode);
        break;
      }
      case PickleOp::kStackGlobal: {
        const Node name = node(pop(PickleKind::kString, "a name"));
        const Node module = node(pop(PickleKind::kString, "a module"));
        push_name({module.text.data, module.text.size}, {name.text.data, name.text.size});
        break;
      }
      case PickleOp::kReduce:
      case PickleOp::kNewObject:
        call();
        break;
      case PickleOp::kBuild:
        build();
        break;
      case PickleOp::kBinPersistentId:
        push_storage();
        break;
      default:
        cursor_.refuse("the pickle opcode " + std::to_string(static_cast<int>(op)), "one that torch.save writes");
    }
  }

  PickleCursor cursor_;
  PickleTree& tree_;
  std::vector<uint32_t> stack_;
  std::vector<size_t> marks_;  // heights of the stack
  std::vector<uint32_t> memo_;
};

}  // namespace

PickleTree read_pickle(std::span<const std::byte> pickle, std::string name) {
  PickleTree tree;
  tree.name = std::move(name);
  PickleMachine(pickle, tree).run();
  check_pickle_limits(tree, pickle.size());
  return tree;
}

}  // namespace mm
