#include "app/generate/text_output.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <numeric>
#include <string>
#include <utility>

#include "core/characters/visible_text.h"
#include "core/error.h"
#include "core/text.h"
#include "view/image/painted_text.h"

namespace mm {

TextOutput::TextOutput() : is_terminal_(::isatty(STDOUT_FILENO) == 1) {}

void TextOutput::colour_by_expert(int64_t layer) {
  layer_ = layer;
  if (is_terminal_) colours_ = terminal_colours();
}

void TextOutput::write(std::string_view text, const TokenRoute& route) {
  std::string bytes = is_terminal_ ? terminal_text(text) : std::string(text);
  const int64_t expert = route.main_expert(layer_);
  if (expert >= 0) {
    pieces_.resize(static_cast<size_t>(route.experts_per_layer));
    ++pieces_.at(static_cast<size_t>(expert));
    if (colours_ != TerminalColours::kNone) {
      bytes = painted_by_expert(bytes, expert, route.experts_per_layer, colours_);
    }
  }
  if (std::fwrite(bytes.data(), 1, bytes.size(), stdout) != bytes.size() || std::fflush(stdout) != 0) {
    throw Error(ExitCode::kStorage, std::string("standard output: ") + std::strerror(errno));
  }
}

std::string TextOutput::take_legend() {
  const std::vector<int64_t> pieces = std::exchange(pieces_, {});
  const auto experts = std::ssize(pieces);
  const auto all = static_cast<double>(std::accumulate(pieces.begin(), pieces.end(), int64_t{0}));
  const bool shows_colours = colours_ != TerminalColours::kNone && ::isatty(STDERR_FILENO) == 1;
  std::vector<std::string> parts;
  for (int64_t expert = 0; expert < experts; ++expert) {
    const int64_t count = pieces[static_cast<size_t>(expert)];
    if (count == 0) continue;
    const std::string number = format(" %lld ", static_cast<long long>(expert));
    parts.push_back(painted_by_expert(number, expert, experts, shows_colours ? colours_ : TerminalColours::kNone) +
                    format("%.0f%%", 100 * static_cast<double>(count) / all));
  }
  return format("layer %lld, expert:", static_cast<long long>(layer_)) + join(parts, " ");
}

}  // namespace mm
