#include "checkpoint/store/step_name.h"

#include <charconv>
#include <string_view>

#include "core/text.h"

namespace mm {

std::string step_name(int64_t step) {
  return format("step_%08lld", static_cast<long long>(step));
}

std::optional<int64_t> parse_step_name(const std::string& name) {
  constexpr std::string_view kPrefix = "step_";
  if (!name.starts_with(kPrefix)) return std::nullopt;
  int64_t step = -1;
  std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), step);
  return step >= 0 && step_name(step) == name ? std::optional(step) : std::nullopt;
}

}  // namespace mm
