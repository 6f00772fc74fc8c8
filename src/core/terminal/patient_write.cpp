#include "core/terminal/patient_write.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace mm {
namespace {

constexpr int kPatience = 1000;  // milliseconds
/// What a pipe or terminal that has any room takes without blocking.
constexpr size_t kPiece = 4096;

}  // namespace

bool PatientWriter::wait_for_room(int milliseconds) const {
  pollfd waiting = {.fd = descriptor_, .events = POLLOUT, .revents = 0};
  int ready = 0;
  do {
    ready = ::poll(&waiting, 1, milliseconds);
  } while (ready < 0 && errno == EINTR);
  return ready != 0;  // an error is left to the write
}

void PatientWriter::write(std::string_view text) {
  while (!text.empty()) {
    if (!wait_for_room(stalled_ ? 0 : kPatience)) {
      stalled_ = true;
      break;
    }
    stalled_ = false;
    const ssize_t written = ::write(descriptor_, text.data(), std::min(text.size(), kPiece));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return;  // nobody is there any more, as with `| head`
    text.remove_prefix(static_cast<size_t>(written));
  }
  dropped_lines_ += std::count(text.begin(), text.end(), '\n');
}

int64_t PatientWriter::take_dropped_lines() {
  return std::exchange(dropped_lines_, 0);
}

}  // namespace mm
