// The only file that is compiled again for a new commit.
#include "app/version.h"

#include <filesystem>
#include <string_view>

namespace mm {

std::string program_version() {
  constexpr std::string_view kCommit = MM_COMMIT;
  std::string text = "minimind.cpp " MM_VERSION;
  if (!kCommit.empty()) text.append(", commit ").append(kCommit);
  return text;
}

std::string program_folder() {
  namespace fs = std::filesystem;
  std::error_code failed;
  const fs::path folder = fs::read_symlink("/proc/self/exe", failed).parent_path();
  if (failed) return "";
  const fs::path here = fs::current_path(failed);
  const fs::path relative = failed ? fs::path() : folder.lexically_relative(here);
  const bool below = !relative.empty() && *relative.begin() != "..";
  return below ? relative.string() : folder.string();
}

}  // namespace mm
