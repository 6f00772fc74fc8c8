// Installed, programs lie in MM_PROGRAMS of the prefix under their own names, and links to them in MM_COMMANDS, named
// so that they hide no other program.
#include "app/program/place.h"

#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <string_view>

namespace mm {
namespace {

namespace fs = std::filesystem;

fs::path own_folder() {
  std::error_code failed;
  return fs::read_symlink("/proc/self/exe", failed).parent_path();
}

/// The prefix that the programs are installed in; empty in a build folder.
fs::path install_prefix() {
  const fs::path folder = own_folder(), programs = MM_PROGRAMS;
  fs::path prefix = folder;
  for (auto part = programs.begin(); part != programs.end(); ++part) prefix = prefix.parent_path();
  return !folder.empty() && prefix / programs == folder ? prefix : fs::path();
}

bool is_on_path(const fs::path& folder) {
  const char* variable = std::getenv("PATH");
  std::istringstream folders(variable != nullptr ? variable : "");
  std::error_code failed;
  for (std::string each; std::getline(folders, each, ':');) {
    if (!each.empty() && fs::equivalent(each, folder, failed)) return true;
  }
  return false;
}

}  // namespace

std::string program_folder() {
  const fs::path folder = own_folder();
  std::error_code failed;
  const fs::path here = fs::current_path(failed);
  const fs::path relative = failed ? fs::path() : folder.lexically_relative(here);
  const bool below = !relative.empty() && *relative.begin() != "..";
  return below ? relative.string() : folder.string();
}

std::string program_prefix() {
  const fs::path prefix = install_prefix();
  if (!prefix.empty()) {
    const fs::path commands = prefix / MM_COMMANDS;
    return is_on_path(commands) ? MM_COMMAND_PREFIX : (commands / MM_COMMAND_PREFIX).string();
  }
  const std::string folder = program_folder();
  return folder.empty() ? folder : folder + "/";
}

std::string short_program_name(const std::string& name) {
  constexpr std::string_view kPrefix = MM_COMMAND_PREFIX;
  return name.starts_with(kPrefix) ? name.substr(kPrefix.size()) : name;
}

std::string shipped_file(const std::string& path) {
  std::error_code failed;
  const fs::path prefix = install_prefix(), shipped = prefix / MM_SHIPPED / path;
  const bool is_missing = !path.empty() && fs::path(path).is_relative() && !fs::exists(path, failed);
  return is_missing && !prefix.empty() && fs::exists(shipped, failed) ? shipped.string() : path;
}

}  // namespace mm
