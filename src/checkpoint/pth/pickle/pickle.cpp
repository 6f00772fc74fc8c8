// The opcodes of the format, over an allow-list of names.
#include "checkpoint/pth/pickle/pickle.h"

#include <algorithm>

#include "checkpoint/largest_rank.h"
#include "checkpoint/pth/pickle/pickle_cursor.h"
#include "checkpoint/pth/pickle/pickle_limits.h"
#include "checkpoint/pth/pickle/pickle_names.h"
#include "checkpoint/pth/pickle/pickle_stack.h"
#include "core/json/json_text.h"

namespace mm {
namespace {

constexpr size_t kLargestPickle = size_t{64} << 20;
constexpr size_t kLongestStorageKey = 256;
constexpr const char* kNoCode =
    "no code of a checkpoint is ever run; in Python, save plain data: torch.save(model.state_dict(), path)";

class PickleMachine {
 public:
  PickleMachine(std::span<const std::byte> pickle, PickleTree& tree)
      : cursor_(pickle, tree.name), tree_(tree), stack_(cursor_, tree) {}

  void run() {
    if (cursor_.size() > kLargestPickle) {
      cursor_.refuse(std::to_string(cursor_.size()) + " bytes", "at most " + std::to_string(kLargestPickle));
    }
    const bool has_protocol = cursor_.size() >= 2 && cursor_.take_opcode() == PickleOp::kProtocol;
    const int protocol = has_protocol ? cursor_.take_number<uint8_t>() : 0;
    if (protocol < 2 || protocol > 5) cursor_.refuse("no pickle of protocol 2 to 5", "what torch.save writes");
    run_opcodes();
    tree_.root = stack_.only_value();
    if (cursor_.remaining() > 0) {
      cursor_.refuse(std::to_string(cursor_.remaining()) + " bytes after the end of the pickle", "none");
    }
  }

 private:
  // --- Names and calls ---------------------------------------------------------------------------------------------

  void push_name(std::string_view module, std::string_view name) {
    if (const auto allowed = allowed_name(module, name)) {
      stack_.push_new(PickleKind::kClass, *allowed);
    } else {
      const std::string text = std::string(module) + "." + std::string(name);
      cursor_.refuse("the Python name " + show_key(text), "only the names that float, int and bool tensors need",
                     kNoCode);
    }
  }

  void call() {
    const std::vector<uint32_t> arguments = stack_.items(stack_.pop(PickleKind::kTuple, "a tuple of arguments"));
    const uint32_t name = stack_.node(stack_.pop(PickleKind::kClass, "one of the names that tensors need")).index;
    switch (static_cast<PickleName>(name)) {
      case PickleName::kOrderedDict:
        if (!arguments.empty()) cursor_.refuse("an OrderedDict with arguments", "items set one by one");
        return stack_.push_dict(true);
      case PickleName::kSize:
        if (arguments.size() != 1 || !stack_.is(arguments[0], PickleKind::kTuple))
          cursor_.refuse("torch.Size", "of a tuple");
        return stack_.push(arguments[0]);
      case PickleName::kRebuildParameter:
        if (arguments.size() != 3 || !stack_.is(arguments[0], PickleKind::kTensor)) {
          cursor_.refuse("a parameter without its tensor", "a tensor, requires_grad and hooks");
        }
        return stack_.push(arguments[0]);
      case PickleName::kRebuildTensor:
        return push_tensor(arguments);
      default:
        cursor_.refuse("a storage class that is called", "a persistent id");
    }
  }

  void push_tensor(const std::vector<uint32_t>& arguments) {
    constexpr const char* kParts = "storage, offset, sizes, strides, requires_grad and hooks";
    if (arguments.size() != 6 && arguments.size() != 7) {
      cursor_.refuse("a tensor of " + std::to_string(arguments.size()) + " parts", kParts);
    }
    const bool well_typed = stack_.is(arguments[0], PickleKind::kStorage) &&
                            stack_.is(arguments[1], PickleKind::kInteger) && is_shape(arguments[2]) &&
                            is_shape(arguments[3]) && stack_.is(arguments[4], PickleKind::kBool) &&
                            stack_.is(arguments[5], PickleKind::kDict);
    if (!well_typed) cursor_.refuse("a tensor with parts of other types", kParts);
    if (stack_.items(arguments[2]).size() != stack_.items(arguments[3]).size()) {
      cursor_.refuse("a tensor of " + std::to_string(stack_.items(arguments[2]).size()) + " sizes and " +
                         std::to_string(stack_.items(arguments[3]).size()) + " strides",
                     "as many of both");
    }
    // A lazily conjugated or negated tensor has other values than its storage.
    const bool lazy = arguments.size() == 7 && !stack_.is(arguments[6], PickleKind::kNone) &&
                      !(stack_.is(arguments[6], PickleKind::kDict) && stack_.items(arguments[6]).empty());
    if (lazy) cursor_.refuse("a tensor with metadata", "a plain one", "in Python, save tensor.resolve_neg().clone()");
    tree_.tensors.push_back(
        {stack_.node(arguments[0]).index, arguments[2], arguments[3], stack_.node(arguments[1]).integer});
    stack_.push_new(PickleKind::kTensor, tree_.tensors.size() - 1);
  }

  bool is_shape(uint32_t value) {
    if (!stack_.is(value, PickleKind::kTuple)) return false;
    const std::vector<uint32_t>& numbers = stack_.items(value);
    if (numbers.size() > kLargestRank) {
      cursor_.refuse("a tensor of " + std::to_string(numbers.size()) + " dimensions",
                     "at most " + std::to_string(kLargestRank));
    }
    return std::all_of(numbers.begin(), numbers.end(),
                       [&](uint32_t number) { return stack_.is(number, PickleKind::kInteger); });
  }

  /// ("storage", class, key, location, number of elements)
  void push_storage() {
    const std::vector<uint32_t>& parts = stack_.items(stack_.pop(PickleKind::kTuple, "a tuple that names a storage"));
    const bool well_typed = parts.size() == 5 && stack_.is(parts[0], PickleKind::kString) &&
                            stack_.text(parts[0]) == "storage" && stack_.is(parts[1], PickleKind::kClass) &&
                            stack_.node(parts[1]).index >= static_cast<uint32_t>(PickleName::kFirstStorage) &&
                            stack_.is(parts[2], PickleKind::kString) && stack_.is(parts[3], PickleKind::kString) &&
                            stack_.is(parts[4], PickleKind::kInteger);
    // torch.save numbers them; a long key, looked up for every tensor, would only cost time.
    if (well_typed && stack_.text(parts[2]).size() > kLongestStorageKey)
      cursor_.refuse("a long storage key", "a number");
    if (!well_typed) cursor_.refuse("a persistent id that names no storage", "class, key, location and length of one");
    const uint32_t dtype = stack_.node(parts[1]).index - static_cast<uint32_t>(PickleName::kFirstStorage);
    tree_.storages.push_back({static_cast<StorageDtype>(dtype), parts[2], parts[3], stack_.node(parts[4]).integer});
    stack_.push_new(PickleKind::kStorage, tree_.storages.size() - 1);
  }

  /// Attributes of an OrderedDict: nothing in them belongs to the state dict.
  void build() {
    stack_.pop();
    const PickleTree::Node& object = stack_.node(stack_.top());
    if (object.kind != PickleKind::kDict || !object.boolean)
      cursor_.refuse("attributes of a value", "of an OrderedDict only");
  }

  // --- Opcodes -----------------------------------------------------------------------------------------------------

  /// All of them, to the one that ends the pickle. One loop, as a call for each would be felt in the time.
  void run_opcodes() {
    for (PickleOp op = cursor_.take_opcode(); op != PickleOp::kStop; op = cursor_.take_opcode()) {
      switch (op) {
        case PickleOp::kMark:
          stack_.open_mark();
          break;
        case PickleOp::kNone:
          stack_.push_new(PickleKind::kNone);
          break;
        case PickleOp::kTrue:
        case PickleOp::kFalse:
          stack_.push_new(PickleKind::kBool).boolean = op == PickleOp::kTrue;
          break;
        case PickleOp::kBinInt:
          stack_.push_integer(cursor_.take_number<int32_t>());
          break;
        case PickleOp::kBinInt1:
          stack_.push_integer(cursor_.take_number<uint8_t>());
          break;
        case PickleOp::kBinInt2:
          stack_.push_integer(cursor_.take_number<uint16_t>());
          break;
        case PickleOp::kLong1:
          stack_.push_integer(cursor_.take_long(cursor_.take_number<uint8_t>()));
          break;
        case PickleOp::kBinFloat:
          stack_.push_new(PickleKind::kReal).real = cursor_.take_big_endian_double();
          break;
        case PickleOp::kShortBinUnicode:
          stack_.push_string(cursor_.take_text(cursor_.take_number<uint8_t>()));
          break;
        case PickleOp::kBinUnicode:
          stack_.push_string(cursor_.take_text(cursor_.take_number<uint32_t>()));
          break;
        case PickleOp::kBinUnicode8:
          stack_.push_string(cursor_.take_text(cursor_.take_number<uint64_t>()));
          break;
        case PickleOp::kShortBinBytes:
          stack_.push_bytes(cursor_.take_text(cursor_.take_number<uint8_t>()));
          break;
        case PickleOp::kBinBytes:
          stack_.push_bytes(cursor_.take_text(cursor_.take_number<uint32_t>()));
          break;
        case PickleOp::kBinBytes8:
          stack_.push_bytes(cursor_.take_text(cursor_.take_number<uint64_t>()));
          break;
        case PickleOp::kEmptyTuple:
          stack_.push_container(PickleKind::kTuple, {});
          break;
        case PickleOp::kTuple1:
        case PickleOp::kTuple2:
        case PickleOp::kTuple3: {
          const size_t count = 1 + static_cast<size_t>(op) - static_cast<size_t>(PickleOp::kTuple1);
          stack_.push_container(PickleKind::kTuple, stack_.pop_several(count));
          break;
        }
        case PickleOp::kTuple:
          stack_.push_container(PickleKind::kTuple, stack_.pop_to_mark());
          break;
        case PickleOp::kEmptyList:
          stack_.push_container(PickleKind::kList, {});
          break;
        case PickleOp::kAppend:
          stack_.append(stack_.pop_several(1));
          break;
        case PickleOp::kAppends:
          stack_.append(stack_.pop_to_mark());
          break;
        case PickleOp::kEmptyDict:
          stack_.push_dict(false);
          break;
        case PickleOp::kSetItem:
          stack_.set_items(stack_.pop_several(2));
          break;
        case PickleOp::kSetItems:
          stack_.set_items(stack_.pop_to_mark());
          break;
        case PickleOp::kBinPut:
          stack_.put(cursor_.take_number<uint8_t>());
          break;
        case PickleOp::kLongBinPut:
          stack_.put(cursor_.take_number<uint32_t>());
          break;
        case PickleOp::kMemoize:
          stack_.put_next();
          break;
        case PickleOp::kBinGet:
          stack_.get(cursor_.take_number<uint8_t>());
          break;
        case PickleOp::kLongBinGet:
          stack_.get(cursor_.take_number<uint32_t>());
          break;
        case PickleOp::kFrame:
          // A frame says how much to read at once; all of it is here.
          cursor_.take_number<uint64_t>();
          break;
        default:
          run_name_opcode(op);
      }
    }
  }

  /// The opcodes that use names.
  void run_name_opcode(PickleOp op) {
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
        const std::string_view name = stack_.text(stack_.pop(PickleKind::kString, "a name"));
        const std::string_view module = stack_.text(stack_.pop(PickleKind::kString, "a module"));
        push_name(module, name);
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
  PickleStack stack_;
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
