// Files that are whole or absent, and messages for those that cannot be had.
#include "core/files/files.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>
#include <vector>

#include "temp_folder.h"
#include "thrown.h"

namespace fs = std::filesystem;

namespace {

size_t files_in(const std::string& folder) {
  return static_cast<size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

std::string text_of(const mm::MappedFile& file) {
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

TEST(Files, WrittenBytesReadBack) {
  const TempFolder folder;
  const std::string bytes("a\0b\nc", 5);
  mm::write_file_atomic(folder / "new/deep/x.bin", bytes);
  EXPECT_EQ(mm::read_file(folder / "new/deep/x.bin", mm::ExitCode::kData), bytes);
  EXPECT_EQ(files_in(folder / "new/deep"), 1u);
}

TEST(Files, CommitReplacesTheOldFile) {
  const TempFolder folder;
  const std::string path = folder / "x";
  mm::write_file_atomic(path, "old and longer");
  {
    mm::AtomicFile file(path);
    file.write("ne");
    EXPECT_EQ(mm::read_file(path, mm::ExitCode::kData), "old and longer");
    file.write("w");
    file.commit();
  }
  EXPECT_EQ(mm::read_file(path, mm::ExitCode::kData), "new");
  EXPECT_EQ(files_in(folder.path()), 1u);
}

TEST(Files, WithoutCommitNothingIsLeft) {
  const TempFolder folder;
  { mm::AtomicFile(folder / "x").write("half"); }
  EXPECT_EQ(files_in(folder.path()), 0u);
}

TEST(Files, TwoWritersOfOnePathDoNotMix) {
  const TempFolder folder;
  mm::AtomicFile first(folder / "x"), second(folder / "x");
  first.write("first");
  second.write("second");
  first.commit();
  second.commit();
  EXPECT_EQ(mm::read_file(folder / "x", mm::ExitCode::kData), "second");
}

// A size limit stands in for a full disk: the same call fails, in the middle of a file.
TEST(Files, FailedWriteSaysWhyAndKeepsTheOldFile) {
  const TempFolder folder;
  const std::string path = folder / "x";
  mm::write_file_atomic(path, "old");
  rlimit unlimited{};
  getrlimit(RLIMIT_FSIZE, &unlimited);
  rlimit small = unlimited;
  small.rlim_cur = 1000;
  signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &small);
  const Thrown thrown = thrown_by([&] { mm::write_file_atomic(path, std::string(5000, 'x')); });
  setrlimit(RLIMIT_FSIZE, &unlimited);

  EXPECT_EQ(thrown.code, mm::ExitCode::kStorage);
  EXPECT_EQ(thrown.message, path +
                                ": got \"File too large\", want a place that can be written "
                                "(free some space or choose another folder)");
  EXPECT_EQ(mm::read_file(path, mm::ExitCode::kData), "old");
  EXPECT_EQ(files_in(folder.path()), 1u);
}

TEST(Files, FolderThatCannotBeMadeIsAStorageError) {
  const TempFolder folder;
  mm::write_file_atomic(folder / "file", "");
  const std::string path = folder / "file/x";
  const Thrown thrown = thrown_by([&] { mm::write_file_atomic(path, "x"); });
  EXPECT_EQ(thrown.code, mm::ExitCode::kStorage);
  EXPECT_EQ(
      thrown.message,
      path + ": got \"Not a directory\", want a place that can be written (check the folder and its permissions)");
}

TEST(Files, MissingFileNamesItsNearestNeighbour) {
  const TempFolder folder;
  mm::write_file_atomic(folder / "debug.json", "{}");
  const Thrown near = thrown_by([&] { mm::read_file(folder / "debgu.json", mm::ExitCode::kConfig); });
  EXPECT_EQ(near.code, mm::ExitCode::kConfig);
  EXPECT_EQ(near.message,
            folder / "debgu.json" + ": got no such file, want a file (did you mean " + folder / "debug.json" + "?)");
  const Thrown far = thrown_by([&] { mm::read_file(folder / "else", mm::ExitCode::kData); });
  EXPECT_EQ(far.code, mm::ExitCode::kData);
  EXPECT_EQ(far.message, folder / "else" + ": got no such file, want a file (check the path)");
  const Thrown lost = thrown_by([&] { mm::MappedFile(folder / "no/x", mm::ExitCode::kData); });
  EXPECT_EQ(lost.message,
            folder / "no/x" + ": got no such file, want a file (the folder " + folder / "no" + " does not exist)");
}

TEST(Files, FolderInPlaceOfAFileIsSaid) {
  const TempFolder folder;
  const std::string message = folder.path() + ": got a folder, want a file (name a file in it)";
  EXPECT_EQ(thrown_by([&] { mm::read_file(folder.path(), mm::ExitCode::kConfig); }).message, message);
  EXPECT_EQ(thrown_by([&] { mm::MappedFile(folder.path(), mm::ExitCode::kConfig); }).message, message);
}

TEST(Files, UnreadableFileTellsTheReason) {
  const TempFolder folder;
  fs::create_symlink("loop", folder / "loop");
  EXPECT_EQ(thrown_by([&] { mm::read_file(folder / "loop", mm::ExitCode::kConfig); }).message,
            folder / "loop" +
                ": got \"Too many levels of symbolic links\", want a readable file "
                "(check the path and its permissions)");
}

TEST(Files, LimitCountsBytes) {
  const TempFolder folder;
  mm::write_file_atomic(folder / "x", std::string(2048, 'x'));
  EXPECT_EQ(mm::read_file(folder / "x", mm::ExitCode::kConfig, 2048).size(), 2048u);
  const Thrown thrown = thrown_by([&] { mm::read_file(folder / "x", mm::ExitCode::kConfig, 2047); });
  EXPECT_EQ(thrown.message, folder / "x" +
                                ": got a larger file, want at most 2.0 KiB "
                                "(check that it is the file you meant)");
}

TEST(Files, FilesWithoutASizeAreReadWhole) {
  EXPECT_GT(mm::read_file("/proc/self/status", mm::ExitCode::kInternal).size(), 100u);
}

TEST(Files, MapShowsTheBytes) {
  const TempFolder folder;
  mm::write_file_atomic(folder / "x", "mapped");
  mm::write_file_atomic(folder / "empty", "");
  EXPECT_EQ(text_of(mm::MappedFile(folder / "x", mm::ExitCode::kData)), "mapped");
  EXPECT_TRUE(mm::MappedFile(folder / "empty", mm::ExitCode::kData).bytes().empty());
}

/// Memory of this process that files are mapped to, in KiB.
long mapped_kib() {
  const std::string status = mm::read_file("/proc/self/status", mm::ExitCode::kInternal);
  return std::stol(status.substr(status.find("RssFile:") + 8));
}

TEST(Files, ReleasedPagesLeaveMemoryAndComeBackFromTheFile) {
  const TempFolder folder;
  const std::string bytes(size_t{32} << 20, 'x');
  mm::write_file_atomic(folder / "x", bytes);
  const mm::MappedFile map(folder / "x", mm::ExitCode::kData);
  EXPECT_TRUE(text_of(map) == bytes);
  const long before = mapped_kib();
  map.release(map.bytes().data() + 1, map.bytes().size() - 1);
  EXPECT_LT(mapped_kib(), before - 30 * 1024);
  EXPECT_TRUE(text_of(map) == bytes);
}

TEST(Files, ReleaseLeavesAloneWhatIsNotMapped) {
  const TempFolder folder;
  mm::write_file_atomic(folder / "x", "mapped");
  mm::write_file_atomic(folder / "empty", "");
  const mm::MappedFile map(folder / "x", mm::ExitCode::kData);
  std::vector<char> heap(1 << 20, 'h');
  map.release(heap.data(), heap.size());
  map.release(nullptr, SIZE_MAX);
  map.release(map.bytes().data() + 3, SIZE_MAX);
  mm::MappedFile(folder / "empty", mm::ExitCode::kData).release(heap.data(), heap.size());
  EXPECT_EQ(heap, std::vector<char>(1 << 20, 'h'));
  EXPECT_EQ(text_of(map), "mapped");
}

TEST(Files, MapSurvivesMoves) {
  const TempFolder folder;
  mm::write_file_atomic(folder / "a", "aaa");
  mm::write_file_atomic(folder / "b", "b");
  mm::MappedFile file(folder / "a", mm::ExitCode::kData);
  mm::MappedFile moved(std::move(file));
  EXPECT_EQ(text_of(moved), "aaa");
  moved = mm::MappedFile(folder / "b", mm::ExitCode::kData);
  EXPECT_EQ(text_of(moved), "b");
  EXPECT_EQ(moved.path(), folder / "b");
}

/// Writes to `path`, a named pipe, as soon as somebody reads it.
std::thread writer_of(const std::string& path, const std::string& text) {
  return std::thread([=] { std::ofstream(path) << text; });
}

TEST(Files, APipeIsReadToItsEnd) {
  const TempFolder folder;
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  const std::string text(100'000, 'x');
  std::thread writer = writer_of(folder / "pipe", text);
  EXPECT_EQ(mm::read_file(folder / "pipe", mm::ExitCode::kData), text);
  writer.join();
}

TEST(Files, APipeIsNothingToMap) {
  const TempFolder folder;
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  const Thrown thrown = thrown_by([&] { mm::MappedFile(folder / "pipe", mm::ExitCode::kData); });
  EXPECT_EQ(thrown.code, mm::ExitCode::kData);
  EXPECT_EQ(thrown.message, (folder / "pipe") +
                                ": got a pipe or device, want a file (write what comes out of it to a "
                                "file first)");
}

TEST(PathKind, IsToldOrIsAnErrorWithTheReason) {
  const TempFolder folder;
  mm::write_file_atomic(folder / "file", "");
  fs::create_symlink("file", folder / "link");
  fs::create_symlink("loop", folder / "loop");
  fs::create_symlink("nothing", folder / "dangling");
  const auto kind = [&](const std::string& name) { return mm::path_kind(folder / name, mm::ExitCode::kData); };
  EXPECT_EQ(kind("file"), mm::PathKind::kFile);
  EXPECT_EQ(kind("link"), mm::PathKind::kFile);
  EXPECT_EQ(kind("."), mm::PathKind::kFolder);
  EXPECT_EQ(kind("nothing"), mm::PathKind::kMissing);
  EXPECT_EQ(kind("dangling"), mm::PathKind::kMissing);
  EXPECT_EQ(kind("file/below"), mm::PathKind::kMissing);
  EXPECT_EQ(mm::path_kind("/dev/null", mm::ExitCode::kData), mm::PathKind::kOther);
  for (const std::string& name : {std::string("loop"), std::string(300, 'x')}) {
    const Thrown error = thrown_by([&] { kind(name); });
    EXPECT_EQ(error.code, mm::ExitCode::kData);
    EXPECT_TRUE(error.message.starts_with((folder / name) + ": got \"")) << error.message;
  }
}

}  // namespace
