// Two programs never write one run.
#include "core/process/run_lock.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "core/files/files.h"
#include "temp_folder.h"
#include "thrown.h"

namespace {

TEST(RunLock, SecondHolderIsToldWhoTheFirstIs) {
  const TempFolder folder;
  const std::string run = folder / "run";
  const mm::RunLock lock(run);
  const Thrown thrown = thrown_by([&] { mm::RunLock second(run); });
  EXPECT_EQ(thrown.code, mm::ExitCode::kConfig);
  EXPECT_EQ(thrown.message, run + ": got a folder in use by process " + std::to_string(::getpid()) +
                                ", want a free one (wait for it, stop it, or set run.name)");
}

TEST(RunLock, DestructionFreesTheFolder) {
  const TempFolder folder;
  { const mm::RunLock lock(folder.path()); }
  EXPECT_NO_THROW(mm::RunLock(folder.path()));
}

TEST(RunLock, KilledHolderFreesTheFolder) {
  const TempFolder folder;
  const pid_t child = ::fork();
  if (child == 0) {
    const mm::RunLock lock(folder.path());
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(mm::read_file(folder / ".lock", mm::ExitCode::kStorage), std::to_string(child) + "\n");
  EXPECT_NO_THROW(mm::RunLock(folder.path()));
}

TEST(RunLock, AFolderThatWasTakenAwayIsNoticed) {
  const TempFolder folder;
  const mm::RunLock lock(folder / "run");
  EXPECT_NO_THROW(lock.require_held());
  std::filesystem::rename(folder / "run", folder / "moved");
  const mm::RunLock other(folder / "run");
  const Thrown thrown = thrown_by([&] { lock.require_held(); });
  EXPECT_EQ(thrown.code, mm::ExitCode::kStorage);
  EXPECT_EQ(thrown.message, (folder / "run/.lock") +
                                ": got no longer the file that this run has locked, want the folder that the run began "
                                "in (put it back if it was moved; what was saved there can be resumed)");
}

TEST(RunLock, FolderThatCannotBeMadeIsAStorageError) {
  const TempFolder folder;
  mm::write_file_atomic(folder / "file", "");
  EXPECT_EQ(thrown_by([&] { mm::RunLock lock(folder / "file/run"); }).code, mm::ExitCode::kStorage);
}

}  // namespace
