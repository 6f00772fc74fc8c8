// The Python names that a pickle may use.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace mm {

/// One number more for each storage class from kFirstStorage on, in the order of StorageDtype.
enum class PickleName : uint32_t { kOrderedDict, kSize, kRebuildTensor, kRebuildParameter, kFirstStorage };

/// The number of `module.name`; nothing for a name that is not allowed.
std::optional<uint32_t> allowed_name(std::string_view module, std::string_view name);

}  // namespace mm
