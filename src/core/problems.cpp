// Collecting messages.
#include "core/problems.h"

#include <algorithm>

#include "core/error.h"
#include "core/text.h"

namespace mm {

void Problems::add(std::string_view where, std::string_view got, std::string_view want, std::string_view remedy) {
  messages_.push_back(got_want(where, got, want, remedy));
}

void Problems::throw_if_any() const {
  if (empty()) return;
  constexpr size_t kMostShown = 100;
  std::vector<std::string> shown(messages_.begin(), messages_.begin() + std::min(messages_.size(), kMostShown));
  if (messages_.size() > kMostShown) shown.push_back(format("and %zu more", messages_.size() - kMostShown));
  throw Error(ExitCode::kConfig, join(shown, "\n"));
}

}  // namespace mm
