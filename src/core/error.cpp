// The one form of message that users see.
#include "core/error.h"

namespace mm {

std::string got_want(std::string_view where, std::string_view got, std::string_view want, std::string_view remedy) {
  std::string message;
  message.append(where).append(": got ").append(got).append(", want ").append(want);
  if (!remedy.empty()) message.append(" (").append(remedy).append(")");
  return message;
}

void require(bool condition, const char* what) {
  if (!condition) throw Error(ExitCode::kInternal, std::string("internal error: ") + what);
}

}  // namespace mm
