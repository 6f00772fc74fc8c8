#include "app/generate/text_output.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

#include "core/error.h"
#include "core/visible_text.h"

namespace mm {

TextOutput::TextOutput() : is_terminal_(::isatty(STDOUT_FILENO) == 1) {}

void TextOutput::write(std::string_view text) {
  const std::string bytes = is_terminal_ ? terminal_text(text) : std::string(text);
  if (std::fwrite(bytes.data(), 1, bytes.size(), stdout) != bytes.size() || std::fflush(stdout) != 0) {
    throw Error(ExitCode::kStorage, std::string("standard output: ") + std::strerror(errno));
  }
}

}  // namespace mm
