// The only file that is compiled again for a new commit.
#include "app/program/version.h"

#include <string_view>

namespace mm {

std::string program_version() {
  constexpr std::string_view kCommit = MM_COMMIT;
  std::string text = "minimind.cpp " MM_VERSION;
  if (!kCommit.empty()) text.append(", commit ").append(kCommit);
  return text;
}

std::string version_text() {
  return program_version() + "\nLibTorch " MM_LIBTORCH_VERSION "\nCUDA     " MM_CUDA_VERSION "\ncompiler " MM_COMPILER;
}

}  // namespace mm
