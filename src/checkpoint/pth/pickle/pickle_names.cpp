// The allow-list.
#include "checkpoint/pth/pickle/pickle_names.h"

#include <string>

#include "checkpoint/pth/pickle/pickle_tree.h"

namespace mm {
namespace {

struct AllowedName {
  std::string_view text;
  PickleName name;
};

constexpr AllowedName kAllowedNames[] = {
    {"collections.OrderedDict", PickleName::kOrderedDict},
    {"torch.Size", PickleName::kSize},
    {"torch._utils._rebuild_tensor_v2", PickleName::kRebuildTensor},
    {"torch._utils._rebuild_parameter", PickleName::kRebuildParameter},
};

}  // namespace

std::optional<uint32_t> allowed_name(std::string_view module, std::string_view name) {
  const std::string text = std::string(module) + "." + std::string(name);
  for (const AllowedName& allowed : kAllowedNames) {
    if (text == allowed.text) return static_cast<uint32_t>(allowed.name);
  }
  const std::optional<StorageDtype> dtype = module == "torch" ? storage_dtype(name) : std::nullopt;
  if (!dtype) return std::nullopt;
  return static_cast<uint32_t>(PickleName::kFirstStorage) + static_cast<uint32_t>(*dtype);
}

}  // namespace mm
