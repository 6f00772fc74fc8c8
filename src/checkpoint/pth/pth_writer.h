// Writing `.pth` files that torch.load opens with weights_only=True and mmap=True.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "checkpoint/named_tensors.h"

namespace mm {

struct PthWriterOptions {
  /// What a state dict is: an OrderedDict with the `_metadata` of torch.nn.Module.state_dict(), else a plain dict.
  bool ordered_dict = false;
  /// Tensors that are the same memory, seen alike, share one storage; else each has its own.
  bool share_storages = false;
  /// Floating-point tensors are converted to it one at a time; else they are written as they are.
  std::optional<at::ScalarType> dtype = {};
  /// Texts by name beside the pickle, as records `extra/<name>`: torch.load passes over them.
  std::map<std::string, std::string> notes = {};
};

struct PthValue;
using PthKey = std::variant<int64_t, std::string>;
using PthDict = std::vector<std::pair<PthKey, PthValue>>;
using PthList = std::vector<PthValue>;
struct PthTuple {
  std::vector<PthValue> items;
};
/// A state dict in the flavour that the options name.
struct PthStateDict {
  NamedTensors tensors;
};

/// Anything that a checkpoint holds; None is std::monostate.
struct PthValue {
  std::variant<std::monostate, bool, int64_t, double, std::string, at::Tensor, PthList, PthTuple, PthDict, PthStateDict>
      value;
};

/// Writes `root` to `path`, which appears whole or not at all. Tensors may have any strides and be on any device; they
/// are copied one at a time. The bytes depend on the values, the options and the stem of `path` alone (it names the
/// folder in the archive, as torch.save does). Throws Error(kStorage), and Error(kInternal) for text that is not UTF-8
/// or a dtype other than float64, float32, float16, bfloat16, int64, int32, int16, int8, uint8 or bool.
void write_pth(const std::string& path, const PthValue& root, const PthWriterOptions& options = {});

/// The same for a state dict at the root.
void write_pth(const std::string& path, const NamedTensors& tensors, const PthWriterOptions& options = {});

}  // namespace mm
