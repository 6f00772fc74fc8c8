// Collecting messages.
#include "core/problems.h"

#include "core/error.h"
#include "core/text.h"

namespace mm {

void Problems::add(std::string_view where, std::string_view got, std::string_view want, std::string_view remedy) {
  messages_.push_back(got_want(where, got, want, remedy));
}

void Problems::throw_if_any() const {
  if (!empty()) throw Error(ExitCode::kConfig, join(messages_, "\n"));
}

}  // namespace mm
