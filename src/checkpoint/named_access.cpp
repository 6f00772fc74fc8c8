// Matching by name, checked as a whole before the first copy.
#include "checkpoint/named_access.h"

#include <ATen/core/grad_mode.h>

#include <c10/core/GradMode.h>

#include <algorithm>
#include <cstring>
#include <string_view>
#include <unordered_map>

#include "core/error.h"
#include "core/json/json_text.h"
#include "core/text.h"

namespace mm {
namespace {

constexpr size_t kNamesInFull = 10;

std::string shape_text(at::IntArrayRef shape) {
  std::string text = "[";
  for (const int64_t size : shape) text += (text.size() > 1 ? ", " : "") + std::to_string(size);
  return text + "]";
}

/// `3 missing: a, b, c`; long lists end in a count.
void add_list(std::vector<std::string>& lists, const char* what, std::vector<std::string> items) {
  if (items.empty()) return;
  std::string list = std::to_string(items.size()) + " " + what + ": ";
  const size_t hidden = items.size() - std::min(items.size(), kNamesInFull);
  items.resize(items.size() - hidden);
  list += join(items, ", ");
  if (hidden > 0) list += " and " + std::to_string(hidden) + " more";
  lists.push_back(list);
}

/// What needs no conversion is read from its file in one thread; the threads of ATen would wait for each other behind
/// every tensor, which on a busy machine costs several times the copy.
void copy_tensor(const at::Tensor& from, const at::Tensor& into,
                 const std::vector<std::shared_ptr<const MappedFile>>& maps) {
  const bool plain = from.is_cpu() && into.is_cpu() && from.scalar_type() == into.scalar_type() &&
                     from.is_contiguous() && into.is_contiguous() && from.numel() > 0;
  if (!plain) {
    into.copy_(from);
    return;
  }
  void* target = into.mutable_data_ptr();
  const bool read = std::any_of(maps.begin(), maps.end(), [&](const auto& map) {
    return map->read_into(from.const_data_ptr(), from.nbytes(), target);
  });
  if (!read) std::memcpy(target, from.const_data_ptr(), from.nbytes());
}

}  // namespace

void check_named(const NamedTensors& tensors, const std::vector<ExpectedTensor>& want, const std::string& file) {
  std::unordered_map<std::string_view, const at::Tensor*> unused;
  for (const auto& [name, tensor] : tensors) unused.emplace(name, &tensor);

  std::vector<std::string> missing, unexpected, mis_shaped;
  for (const auto& [name, shape] : want) {
    const auto found = unused.find(name);
    if (found == unused.end()) {
      missing.push_back(show_key(name) + " " + shape_text(shape));
      continue;
    }
    if (found->second->sizes() != shape) {
      mis_shaped.push_back(show_key(name) + " is " + shape_text(found->second->sizes()) + ", want " +
                           shape_text(shape));
    }
    unused.erase(found);
  }
  for (const auto& [name, tensor] : tensors) {
    if (unused.contains(name)) unexpected.push_back(show_key(name) + " " + shape_text(tensor.sizes()));
  }

  std::vector<std::string> lists;
  add_list(lists, "missing", std::move(missing));
  add_list(lists, "unexpected", std::move(unexpected));
  add_list(lists, "of another shape", std::move(mis_shaped));
  if (lists.empty()) return;
  throw Error(ExitCode::kCheckpoint,
              got_want(file, "tensors that do not fit the model (" + join(lists, "; ") + ")",
                       std::to_string(want.size()) + " tensors with the model's names and shapes",
                       "use the config that the weights were trained with"));
}

void copy_named(const NamedTensors& from, const NamedTensors& into, const std::string& file,
                const std::vector<std::shared_ptr<const MappedFile>>& maps) {
  std::vector<ExpectedTensor> want;
  std::unordered_map<std::string_view, const at::Tensor*> targets;
  for (const auto& [name, target] : into) {
    want.push_back({name, target.sizes().vec()});
    targets.emplace(name, &target);
  }
  check_named(from, want, file);
  const at::NoGradGuard no_grad;
  for (const auto& [name, source] : from) {
    copy_tensor(source, *targets.at(name), maps);
    for (const auto& map : maps) map->release(source.const_data_ptr(), source.nbytes());
  }
}

}  // namespace mm
