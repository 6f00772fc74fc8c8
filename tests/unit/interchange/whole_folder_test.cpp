// What is at the path of a folder before, while and after it is written.
#include "interchange/export/whole_folder.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "core/files/files.h"
#include "interchange/export/export.h"
#include "interchange/weights.h"
#include "tests/unit/core/temp_folder.h"
#include "tests/unit/core/thrown.h"

namespace mm {
namespace {

namespace fs = std::filesystem;
using Names = std::set<std::string>;

Names names_in(const std::string& folder) {
  Names names;
  for (const auto& entry : fs::directory_iterator(folder)) names.insert(entry.path().filename().string());
  return names;
}

std::string text_of(const std::string& path) {
  return read_file(path, ExitCode::kInternal);
}

void fill(const WholeFolder& folder, const std::string& text) {
  write_file_atomic(folder.path() + "/a", text);
  write_file_atomic(folder.path() + "/last", text);
}

TEST(WholeFolder, AppearsWithAllItsFilesOrNotAtAll) {
  const TempFolder temporary;
  for (const std::string name : {"new", "slash/", "deep/in/folders"}) {
    {
      WholeFolder lost(temporary / name, "last");
      fill(lost, "1");
      EXPECT_FALSE(fs::exists(temporary / name));
    }
    EXPECT_FALSE(fs::exists(temporary / name));
    WholeFolder folder(temporary / name, "last");
    fill(folder, "1");
    folder.commit();
    EXPECT_EQ(names_in(temporary / name), (Names{"a", "last"}));
  }
  EXPECT_EQ(names_in(temporary.path()), (Names{"new", "slash", "deep"}));
}

TEST(WholeFolder, OneThatIsThereKeepsItsFilesUntilTheNewOnesAreWritten) {
  const TempFolder temporary;
  const std::string path = temporary / "folder";
  for (const std::string name : {"a", "last", "README"}) write_file_atomic(path + "/" + name, "old");
  {
    WholeFolder lost(path, "last");
    fill(lost, "new");
  }
  EXPECT_EQ(names_in(path), (Names{"a", "last", "README"}));
  EXPECT_EQ(text_of(path + "/last"), "old");
  {
    WholeFolder broken(path, "last");
    fill(broken, "new");
    write_file_atomic(broken.path() + "/b", "new");
    fs::remove(broken.path() + "/last");
    EXPECT_EQ(thrown_by([&] { broken.commit(); }).code, ExitCode::kStorage);
  }
  EXPECT_EQ(names_in(path), (Names{"a", "last", "README"}));
  EXPECT_EQ(text_of(path + "/a") + text_of(path + "/last"), "oldold");
  WholeFolder folder(path, "last");
  fill(folder, "new");
  folder.commit();
  EXPECT_EQ(text_of(path + "/a"), "new");
  EXPECT_EQ(text_of(path + "/last"), "new");
  EXPECT_EQ(text_of(path + "/README"), "old");
}

TEST(WholeFolder, AFileAndALoopOfLinksAreRefused) {
  const TempFolder temporary;
  write_file_atomic(temporary / "file", "mine");
  EXPECT_EQ(thrown_by([&] { WholeFolder(temporary / "file", "last"); }).code, ExitCode::kStorage);
  EXPECT_EQ(text_of(temporary / "file"), "mine");
  fs::create_symlink("loop", temporary / "loop");
  EXPECT_EQ(thrown_by([&] { WholeFolder(temporary / "loop", "last"); }).code, ExitCode::kStorage);
}

TEST(HuggingFaceFolder, AFailedExportLeavesTheOldOne) {
  const TempFolder temporary;
  const Weights dense = open_weights(MM_GOLDEN_DATA "/checkpoints/g4b_dense_dict_fp16.pth", nullptr, "--init");
  const std::string folder = temporary / "hf";
  write_huggingface_folder(folder, dense.tensors, dense.file.model, {});
  const std::string before = text_of(folder + "/config.json");
  const Names names = names_in(folder);
  ModelConfig other = dense.file.model;
  other.rope_theta = 1;
  const Thrown error = thrown_by([&] {
    write_huggingface_folder(folder, dense.tensors, other, {}, {.tokenizer = temporary / "no/tokenizer.json"});
  });
  EXPECT_EQ(error.code, ExitCode::kData);
  EXPECT_EQ(names_in(folder), names);
  EXPECT_EQ(text_of(folder + "/config.json"), before);
  thrown_by([&] {
    write_huggingface_folder(temporary / "x", dense.tensors, other, {}, {.tokenizer = temporary / "no/t.json"});
  });
  EXPECT_EQ(names_in(temporary.path()), Names{"hf"});
}

}  // namespace
}  // namespace mm
