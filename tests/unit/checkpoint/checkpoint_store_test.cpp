// What is on disk after saves, torn writes and damage, and what a resumed run finds.
#include "checkpoint/store/checkpoint_store.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>

#include "checkpoint/store/checkpoint_manifest.h"
#include "core/error.h"
#include "core/files/files.h"
#include "core/random.h"
#include "tests/support/newer_manifest.h"

namespace mm {
namespace {

namespace fs = std::filesystem;

std::string new_folder(const std::string& name) {
  const std::string folder = testing::TempDir() + "checkpoint_store_" + name;
  fs::remove_all(folder);
  return folder + "/checkpoints";
}

/// A checkpoint whose values tell its step.
Checkpoint checkpoint_of(int64_t step) {
  return {{{"w", at::full({4}, static_cast<double>(step), at::kFloat)}},
          {{"exp_avg", at::arange(3, at::kFloat)}},
          "{\"step\": " + std::to_string(step) + "}\n"};
}

void flip_byte(const std::string& path, std::streamoff position) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(position);
  const char byte = static_cast<char>(file.get() ^ 1);
  file.seekp(position);
  file.put(byte);
}

std::string error_of_load(const CheckpointStore& store, int64_t step) {
  try {
    store.load(step);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kCheckpoint);
    return error.what();
  }
  return "no error";
}

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

using Names = std::vector<std::string>;
using Steps = std::vector<int64_t>;

TEST(CheckpointStore, WhatWasSavedIsLoaded) {
  const std::string folder = new_folder("round_trip");
  CheckpointStore store(folder, 2);
  EXPECT_FALSE(store.load_newest().has_value());
  store.save(120, checkpoint_of(120), false);
  EXPECT_EQ(names_in(folder), Names{"step_00000120"});
  EXPECT_EQ(names_in(store.step_folder(120)),
            (Names{"manifest.json", "model.safetensors", "optimizer.safetensors", "state.json"}));
  const auto loaded = store.load_newest();
  ASSERT_TRUE(loaded.has_value());
  EXPECT_EQ(loaded->step, 120);
  EXPECT_EQ(loaded->folder, folder + "/step_00000120");
  EXPECT_EQ(loaded->checkpoint.model.at(0).first, "w");
  EXPECT_TRUE(loaded->checkpoint.model.at(0).second.equal(checkpoint_of(120).model[0].second));
  EXPECT_TRUE(loaded->checkpoint.optimizer.at(0).second.equal(checkpoint_of(120).optimizer[0].second));
  EXPECT_EQ(loaded->checkpoint.state_json, "{\"step\": 120}\n");
}

TEST(CheckpointStore, KeepsTheNewestAndTheBest) {
  const std::string folder = new_folder("keep");
  CheckpointStore store(folder, 2);
  for (int64_t step = 1; step <= 5; ++step) store.save(step, checkpoint_of(step), step == 2);
  EXPECT_EQ(store.steps(), (Steps{2, 4, 5}));
  EXPECT_EQ(store.best(), 2);
  EXPECT_EQ(fs::read_symlink(folder + "/best"), "step_00000002");
  store.save(6, checkpoint_of(6), true);
  EXPECT_EQ(store.steps(), (Steps{5, 6}));
  EXPECT_EQ(store.best(), 6);
  EXPECT_EQ(names_in(folder), (Names{"best", "step_00000005", "step_00000006"}));
}

TEST(CheckpointStore, TheNewestIsTheLastStepWhateverTheClockSaid) {
  const std::string folder = new_folder("clock");
  CheckpointStore store(folder, 3);
  for (const int64_t step : {10, 20, 30}) {
    store.save(step, checkpoint_of(step), false);
    const auto time = fs::file_time_type::clock::now() - std::chrono::hours(step);
    for (const auto& file : fs::directory_iterator(store.step_folder(step))) fs::last_write_time(file.path(), time);
    fs::last_write_time(store.step_folder(step), time);
  }
  EXPECT_EQ(store.load_newest()->step, 30);
  store.save(40, checkpoint_of(40), false);
  EXPECT_EQ(store.steps(), (Steps{20, 30, 40}));
}

TEST(CheckpointStore, SavingAWholeStepAgainReplacesNothing) {
  const std::string folder = new_folder("again");
  CheckpointStore store(folder, 2);
  store.save(1, checkpoint_of(1), false);
  Checkpoint other = checkpoint_of(1);
  other.state_json = "{}";
  store.save(1, other, true);
  EXPECT_EQ(store.load(1).state_json, checkpoint_of(1).state_json);
  EXPECT_EQ(store.best(), 1);
}

TEST(CheckpointStore, SavingOverADamagedStepSetsThatAside) {
  const std::string folder = new_folder("over_damaged");
  CheckpointStore store(folder, 2);
  store.save(1, checkpoint_of(1), false);
  flip_byte(store.step_folder(1) + "/state.json", 0);
  store.save(1, checkpoint_of(1), false);
  EXPECT_EQ(store.load(1).state_json, checkpoint_of(1).state_json);
  EXPECT_EQ(names_in(folder), (Names{"step_00000001", "step_00000001.corrupt"}));
}

TEST(CheckpointStore, AFlippedByteAnywhereIsSeenAndTheOlderCheckpointTaken) {
  for (const char* name : {"model.safetensors", "optimizer.safetensors", "state.json", "manifest.json"}) {
    const std::string folder = new_folder("flipped");
    CheckpointStore store(folder, 3);
    store.save(10, checkpoint_of(10), false);
    store.save(20, checkpoint_of(20), false);
    const std::string path = store.step_folder(20) + "/" + name;
    flip_byte(path, static_cast<std::streamoff>(fs::file_size(path) / 2));
    testing::internal::CaptureStderr();
    const auto loaded = store.load_newest();
    const std::string warning = testing::internal::GetCapturedStderr();
    ASSERT_TRUE(loaded.has_value()) << name;
    EXPECT_EQ(loaded->step, 10) << name;
    EXPECT_EQ(names_in(folder), (Names{"step_00000010", "step_00000020.corrupt"})) << name;
    EXPECT_EQ(warning.find("warning: "), 0u) << warning;
    EXPECT_NE(warning.find("step_00000020.corrupt"), std::string::npos) << warning;
  }
}

/// Two checkpoints, of which the newer one is damaged again and again.
class DamagedCheckpoint : public testing::Test {
 protected:
  DamagedCheckpoint() {
    for (const int64_t step : {10, 20}) {
      Checkpoint checkpoint = checkpoint_of(step);
      checkpoint.config_json = "{\"run\": {\"seed\": 7}}\n";
      store_.save(step, checkpoint, false);
    }
    for (const std::string& name : names_in(newest_)) files_[name] = read_file(newest_ + "/" + name, ExitCode::kData);
  }

  /// Whether a file with this content is seen to be damaged, and the older checkpoint taken. All is as before then.
  bool falls_back(const std::string& name, const std::string& content) {
    std::ofstream(newest_ + "/" + name, std::ios::binary) << content;
    const auto loaded = store_.load_newest();
    const bool fell_back = loaded && loaded->step == 10 && fs::exists(newest_ + ".corrupt");
    if (fell_back) fs::rename(newest_ + ".corrupt", newest_);
    std::ofstream(newest_ + "/" + name, std::ios::binary) << files_[name];
    return fell_back;
  }

  CheckpointStore store_{new_folder("damaged"), 3};
  const std::string newest_ = store_.step_folder(20);
  std::map<std::string, std::string> files_;
};

// MM_FLIPS says how many; a hundred times as many were tried.
TEST_F(DamagedCheckpoint, AnyByteOfAnyFileThatIsAnotherIsSeen) {
  const char* wanted = std::getenv("MM_FLIPS");
  RandomStream random(3, "flips");
  std::vector<std::pair<std::string, size_t>> places;
  for (const auto& [name, content] : files_) {
    for (size_t i = 0; i < content.size(); ++i) places.emplace_back(name, i);
  }
  testing::internal::CaptureStderr();
  for (int64_t flip = 0; flip < (wanted == nullptr ? 500 : std::atoll(wanted)); ++flip) {
    const auto& [name, place] = places[random.below(places.size())];
    std::string content = files_[name];
    content[place] = static_cast<char>(content[place] ^ static_cast<char>(1 + random.below(255)));
    EXPECT_TRUE(falls_back(name, content)) << name << " byte " << place << "\n" << content;
  }
  testing::internal::GetCapturedStderr();
}

TEST_F(DamagedCheckpoint, AnyFileThatEndsTooEarlyIsSeen) {
  testing::internal::CaptureStderr();
  for (const auto& [name, content] : files_) {
    for (size_t length = 0; length < content.size(); ++length) {
      EXPECT_TRUE(falls_back(name, content.substr(0, length))) << name << " cut to " << length;
    }
  }
  testing::internal::GetCapturedStderr();
}

TEST(CheckpointStore, AManifestOfAnEarlierVersionHasNoSeal) {
  const std::string folder = new_folder("no_seal");
  CheckpointStore store(folder, 3);
  store.save(10, checkpoint_of(10), false);
  const std::string path = store.step_folder(10) + "/manifest.json";
  auto manifest = nlohmann::ordered_json::parse(read_file(path, ExitCode::kData));
  manifest.erase("xxh3");
  write_file_atomic(path, manifest.dump(2) + "\n");
  EXPECT_EQ(error_of_load(store, 10), "no error");
  manifest["xxh4"] = "0";
  write_file_atomic(path, manifest.dump(2) + "\n");
  EXPECT_NE(error_of_load(store, 10).find("got the key \"xxh4\""), std::string::npos) << error_of_load(store, 10);
}

TEST(CheckpointStore, ATruncatedFileIsNamedWithBothSizes) {
  const std::string folder = new_folder("truncated");
  CheckpointStore store(folder, 3);
  store.save(20, checkpoint_of(20), false);
  const std::string path = store.step_folder(20) + "/model.safetensors";
  const auto size = fs::file_size(path);
  fs::resize_file(path, size - 1);
  EXPECT_EQ(error_of_load(store, 20),
            path + ": got " + std::to_string(size - 1) + " as its bytes, want " + std::to_string(size) +
                " as its manifest says (restore the file from a copy, or remove this checkpoint)");
}

TEST(CheckpointStore, AMissingFileIsSeen) {
  const std::string folder = new_folder("missing");
  CheckpointStore store(folder, 3);
  store.save(20, checkpoint_of(20), false);
  fs::remove(store.step_folder(20) + "/optimizer.safetensors");
  EXPECT_NE(error_of_load(store, 20).find("optimizer.safetensors: got no such file"), std::string::npos);
}

TEST(CheckpointStore, AFolderWithoutAManifestIsDamaged) {
  const std::string folder = new_folder("no_manifest");
  CheckpointStore store(folder, 3);
  store.save(10, checkpoint_of(10), false);
  store.save(20, checkpoint_of(20), false);
  fs::remove(store.step_folder(20) + "/manifest.json");
  EXPECT_EQ(store.steps(), Steps{10});
  EXPECT_EQ(store.load_newest()->step, 10);
  EXPECT_TRUE(fs::exists(store.step_folder(20) + ".corrupt"));
}

TEST(CheckpointStore, WeightsThatAreNotFiniteAreDamaged) {
  const std::string folder = new_folder("not_finite");
  CheckpointStore store(folder, 3);
  store.save(10, checkpoint_of(10), false);
  Checkpoint lost = checkpoint_of(20);
  lost.optimizer.front().second.flatten()[0] = std::numeric_limits<float>::infinity();
  store.save(20, lost, false);
  EXPECT_NE(error_of_load(store, 20).find("1 of "), std::string::npos) << error_of_load(store, 20);
  EXPECT_EQ(store.load_newest()->step, 10);
}

TEST(CheckpointStore, TheNewestHealthyCheckpointIsKept) {
  const std::string folder = new_folder("healthy");
  CheckpointStore store(folder, 1);
  store.save(10, checkpoint_of(10), false);
  for (const int64_t step : {20, 30}) {
    Checkpoint diverged = checkpoint_of(step);
    diverged.healthy = false;
    store.save(step, diverged, false);
  }
  EXPECT_EQ(store.steps(), (Steps{10, 30}));
  EXPECT_FALSE(store.load(30).healthy);
  store.save(40, checkpoint_of(40), false);
  EXPECT_EQ(store.steps(), Steps{40});
}

TEST(CheckpointStore, ACheckpointIsReplacedInOneMoment) {
  const std::string folder = new_folder("replaced");
  CheckpointStore store(folder, 2);
  store.save(10, checkpoint_of(10), false);
  Checkpoint other = checkpoint_of(10);
  other.state_json = "{\"other\": true}";
  store.save(10, other, false);
  EXPECT_NE(store.load(10).state_json, other.state_json);
  store.save(10, other, false, /*replace=*/true);
  EXPECT_EQ(store.load(10).state_json, other.state_json);
  EXPECT_EQ(store.steps(), Steps{10});
}

TEST(CheckpointStore, AManifestOfANewerFormatSaysSo) {
  const std::string folder = new_folder("newer_format");
  CheckpointStore store(folder, 3);
  store.save(10, checkpoint_of(10), false);
  const std::string path = store.step_folder(10) + "/manifest.json";
  write_file_atomic(path, with_format(read_file(path, ExitCode::kData), 2));
  EXPECT_EQ(error_of_load(store, 10), path +
                                          ":format: got 2, want 1 (use the version of the program that wrote it; "
                                          "nothing was changed)");
  EXPECT_THROW(store.load_newest(), NewerFormat);
  EXPECT_TRUE(fs::exists(path));
}

TEST(CheckpointStore, HostileManifestsAreRefused) {
  const std::string folder = new_folder("hostile_manifest");
  CheckpointStore store(folder, 3);
  store.save(10, checkpoint_of(10), false);
  for (const std::string& text :
       {std::string(), std::string("[]"), std::string("{"), std::string(500'000, '['), std::string(R"({"format":1})"),
        std::string(R"({"format":1,"step":10,"files":[]})"), std::string(R"({"format":1,"step":"10","files":{}})"),
        std::string(R"({"format":1,"step":10,"files":{"model.safetensors":7}})"),
        std::string(R"({"format":1,"step":10,"files":{"model.safetensors":{"bytes":-1,"xxh3":null}}})")}) {
    write_file_atomic(store.step_folder(10) + "/manifest.json", text);
    EXPECT_NE(error_of_load(store, 10), "no error") << text.substr(0, 80);
  }
}

TEST(CheckpointStore, WhenAllAreDamagedTheErrorNamesEachAndNothingIsRenamed) {
  const std::string folder = new_folder("all_damaged");
  CheckpointStore store(folder, 3);
  for (const int64_t step : {10, 20}) {
    store.save(step, checkpoint_of(step), false);
    flip_byte(store.step_folder(step) + "/state.json", 2);
  }
  for (int attempt = 0; attempt < 2; ++attempt) {
    try {
      store.load_newest();
      FAIL() << "no error";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::kCheckpoint);
      const std::string message = error.what();
      EXPECT_NE(message.find("no checkpoint that is whole"), std::string::npos) << message;
      EXPECT_NE(message.find("step_00000010/state.json: got "), std::string::npos) << message;
      EXPECT_NE(message.find("step_00000020/state.json: got "), std::string::npos) << message;
    }
  }
}

TEST(CheckpointStore, OpeningRemovesWhatAKilledProcessLeft) {
  const std::string folder = new_folder("leftovers");
  const pid_t gone = ::fork();
  if (gone == 0) ::_exit(0);
  ASSERT_EQ(::waitpid(gone, nullptr, 0), gone);
  const std::string dead = folder + "/step_00000030.tmp-" + std::to_string(gone);
  const std::string alive = folder + "/step_00000040.tmp-" + std::to_string(::getppid());
  for (const std::string& left : {dead, alive}) {
    fs::create_directories(left);
    std::ofstream(left + "/model.safetensors") << "half of it";
  }
  const CheckpointStore store(folder, 1);
  EXPECT_FALSE(fs::exists(dead));
  EXPECT_TRUE(fs::exists(alive));
  EXPECT_TRUE(store.steps().empty());
}

TEST(CheckpointStore, AFailedSaveLeavesTheOlderCheckpointsAlone) {
  const std::string folder = new_folder("failed_save");
  CheckpointStore store(folder, 1);
  store.save(10, checkpoint_of(10), true);
  Checkpoint bad = checkpoint_of(20);
  bad.optimizer.emplace_back("exp_avg", at::arange(1));  // a name given twice stops the save half-way
  EXPECT_THROW(store.save(20, bad, true), Error);
  EXPECT_EQ(names_in(folder), (Names{"best", "step_00000010"}));
  EXPECT_EQ(store.load_newest()->step, 10);
}

TEST(CheckpointStore, LoadedTensorsOutliveTheirFolder) {
  const std::string folder = new_folder("outlive");
  CheckpointStore store(folder, 1);
  store.save(10, checkpoint_of(10), false);
  const auto loaded = store.load_newest();
  store.save(20, checkpoint_of(20), false);
  EXPECT_EQ(store.steps(), Steps{20});
  EXPECT_TRUE(loaded->checkpoint.model[0].second.equal(checkpoint_of(10).model[0].second));
}

}  // namespace
}  // namespace mm
