#include "core/leftovers.h"

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <filesystem>
#include <string_view>
#include <system_error>

namespace mm {
namespace {

/// `<name>.tmp.<process>.<number>`: the process, or 0 when the name is another.
long writer_of(std::string_view name) {
  constexpr std::string_view kInfix = ".tmp.";
  const size_t infix = name.rfind(kInfix);
  if (infix == std::string_view::npos) return 0;
  const std::string_view numbers = name.substr(infix + kInfix.size());
  const size_t dot = numbers.find('.');
  if (dot == std::string_view::npos || dot + 1 == numbers.size()) return 0;
  if (numbers.find_first_not_of("0123456789", dot + 1) != std::string_view::npos) return 0;
  long process = 0;
  const auto [end, error] = std::from_chars(numbers.data(), numbers.data() + dot, process);
  return error == std::errc() && end == numbers.data() + dot ? process : 0;
}

}  // namespace

bool is_process_gone(long process) {
  return process == ::getpid() || (::kill(static_cast<pid_t>(process), 0) != 0 && errno == ESRCH);
}

void remove_leftover_files(const std::string& folder) {
  namespace fs = std::filesystem;
  std::error_code failed;
  for (fs::directory_iterator entry(folder, failed), end; !failed && entry != end; entry.increment(failed)) {
    const long process = writer_of(entry->path().filename().string());
    std::error_code ignored;
    if (process > 0 && is_process_gone(process)) fs::remove(entry->path(), ignored);
  }
}

}  // namespace mm
