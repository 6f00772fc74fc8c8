// Which folders are runs, and which are kept away from.
#include "dashboard/run_folders.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "tests/unit/core/temp_folder.h"
#include "tests/unit/dashboard/runs.h"

namespace mm {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> names(const RunFolders& found) {
  std::vector<std::string> all;
  for (const RunFolder& run : found.runs) all.push_back(run.name);
  return all;
}

TEST(RunFolders, AreFoundByTheWayToThem) {
  const TempFolder folder;
  write_run(folder / "plain");
  write_run(folder / "sweep/lr3/seed_1");
  write_run(folder / "plain/checkpoints/inner");  // part of a run, and none
  write_run(folder / "a/b/c/d/too_deep");
  write_file_atomic(folder / "no_run/config.json", "{}");
  EXPECT_EQ(names(find_runs(folder.path())), (std::vector<std::string>{"plain", "sweep/lr3/seed_1"}));
}

TEST(RunFolders, ARunByItselfIsTheOnlyOne) {
  const TempFolder folder;
  write_run(folder / "one");
  EXPECT_EQ(names(find_runs(folder / "one/")), std::vector<std::string>{"one"});
}

TEST(RunFolders, NothingIsReachedThroughLinksPipesAndNamesThatAreNoText) {
  const TempFolder folder;
  write_run(folder / "elsewhere/run");
  write_file_atomic(folder / "secret", "{}");
  write_run(folder / "output/good");
  write_run(folder / "output/linked_file");
  fs::create_symlink(folder / "secret", folder / "output/linked_file/config.json");
  write_run(folder / "output/pipe");
  ASSERT_EQ(::mkfifo((folder / "output/pipe/domains.json").c_str(), 0600), 0);
  write_run(folder / "output/line\nbreak");
  write_run(folder / "output/\xff");
  fs::create_directory_symlink(folder / "elsewhere", folder / "output/linked_folder");
  fs::create_directory_symlink(folder / "elsewhere/run", folder / "output/linked_run");
  const RunFolders found = find_runs(folder / "output");
  EXPECT_EQ(names(found), std::vector<std::string>{"good"});
  EXPECT_EQ(found.left_out, 4);
}

TEST(RunFolders, TheStateOfFilesIsAnotherOneWhenOneOfThemHasGrown) {
  const TempFolder folder;
  write_run(folder / "run");
  const std::string before = state_of_files(folder / "run");
  EXPECT_EQ(state_of_files(folder / "run"), before);
  write_file_atomic(folder / "run/report.html", "a page is not what pages are made of");
  EXPECT_EQ(state_of_files(folder / "run"), before);
  write_run(folder / "run", 4);
  EXPECT_NE(state_of_files(folder / "run"), before);
}

}  // namespace
}  // namespace mm
