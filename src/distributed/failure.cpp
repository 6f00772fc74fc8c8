#include "distributed/failure.h"

#include <unistd.h>

#include <array>
#include <sstream>

#include "core/text.h"

namespace mm {

std::string Failure::packed() const {
  return std::to_string(rank) + "\n" + std::to_string(static_cast<int>(code)) + "\n" + (noticed ? "1\n" : "0\n") +
         host + "\n" + message;
}

Failure Failure::unpacked(const std::string& text) {
  std::istringstream lines(text);
  Failure failure;
  int number = 0;
  lines >> failure.rank >> number >> failure.noticed;
  lines.ignore();
  std::getline(lines, failure.host);
  std::getline(lines, failure.message, '\0');
  failure.code = static_cast<ExitCode>(number);
  return failure;
}

std::string Failure::sentence() const {
  if (noticed) return message;
  return format("rank %lld on host %s: ", static_cast<long long>(rank), host.c_str()) + message;
}

std::string what_happened(const std::exception& problem) {
  const std::string text = problem.what();
  return text.substr(0, text.find('\n'));
}

std::string host_name() {
  std::array<char, 256> name = {};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "unknown";
}

}  // namespace mm
