// gzip and zstd: bounded steps, and an end or a problem.
#include "data/text/files/archive_reader.h"

#include <array>

#include "tests/fuzz/expect.h"
#include "tests/fuzz/seeds.h"
#include "tests/fuzz/target.h"

namespace mm {
namespace {

bool run(Bytes input) {
  constexpr size_t kMostText = size_t{1} << 20;
  const std::string_view archive(reinterpret_cast<const char*>(input.data()), input.size());
  const std::unique_ptr<ArchiveReader> reader = recognize_archive(archive);
  if (!reader) return false;
  std::array<std::byte, 4096> room;
  Bytes left = input;
  std::string problem;
  for (size_t text = 0; text < kMostText;) {
    const size_t before = left.size();
    const size_t bytes = reader->read(left, room, problem);
    expect(bytes <= room.size() && left.size() <= before, "a step stays in its bounds");
    if (!problem.empty()) {
      expect(problem.find('\n') == std::string::npos, "what is wrong is said on one line");
      return false;
    }
    if (left.empty() && reader->at_end()) return true;
    if (bytes == 0 && left.size() == before) return false;
    text += bytes;
  }
  return true;
}

}  // namespace

const FuzzTarget kArchiveTarget = {"archive", run, archive_seeds, mutate_anywhere};

}  // namespace mm
