// What killed processes left is cleared away; what a living one writes is not, wherever that process runs.
#include "core/files/leftovers.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "core/files/files.h"
#include "temp_folder.h"

namespace fs = std::filesystem;

namespace {

/// Leaves a half-written `path` behind, as a process that was killed.
void die_writing(const std::string& path) {
  const pid_t child = ::fork();
  if (child == 0) {
    mm::AtomicFile file(path);
    file.write("half");
    ::kill(::getpid(), SIGKILL);
  }
  ::waitpid(child, nullptr, 0);
}

bool is_empty(const TempFolder& folder) {
  return fs::is_empty(folder.path());
}

TEST(Leftovers, OfKilledProcessesGo) {
  const TempFolder folder;
  die_writing(folder / "a");
  die_writing(folder / "b");
  EXPECT_FALSE(is_empty(folder));
  mm::remove_leftover_files(folder.path());
  EXPECT_TRUE(is_empty(folder));
}

TEST(Leftovers, OfAFileGoWhenItIsWrittenAgain) {
  const TempFolder folder;
  die_writing(folder / "a");
  mm::write_file_atomic(folder / "a", "whole");
  fs::remove(folder / "a");
  EXPECT_TRUE(is_empty(folder));
}

TEST(Leftovers, OfALivingWriterStay) {
  const TempFolder folder;
  mm::AtomicFile file(folder / "a");
  file.write("whole");
  mm::remove_leftover_files(folder.path());
  file.commit();
  EXPECT_EQ(mm::read_file(folder / "a", mm::ExitCode::kData), "whole");
}

TEST(Leftovers, OtherFilesStay) {
  const TempFolder folder;
  for (const char* name : {"a", "a.tmp", "a.tmp.1", "a.tmp.x.1", ".tmp.1.1", "a.tmp.1.1.gz"}) {
    mm::write_file_atomic(folder / name, "");
  }
  mm::remove_leftover_files(folder.path());
  for (const char* name : {"a", "a.tmp", "a.tmp.1", "a.tmp.x.1", ".tmp.1.1", "a.tmp.1.1.gz"}) {
    EXPECT_TRUE(fs::exists(folder / name)) << name;
  }
}

}  // namespace
