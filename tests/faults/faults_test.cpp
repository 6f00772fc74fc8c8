// Wherever a run is interrupted, calling it again ends with the bytes of a run that was not: weights, moments, state,
// metrics, the .pth and which checkpoint is the best. Few places as a test; MM_FAULT_POINTS and MM_FAULT_KILLS say how
// many of each kind (scripts/fault_loop.sh).
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <span>

#include "checkpoint/safetensors_header.h"
#include "checkpoint/store/checkpoint_manifest.h"
#include "core/files/files.h"
#include "core/random.h"
#include "core/text.h"
#include "workplace.h"

namespace {

namespace fs = std::filesystem;

constexpr int kSteps = 12;
constexpr int kStopped = 75;

int64_t number_of(const char* variable, int64_t otherwise) {
  const char* value = std::getenv(variable);
  return value == nullptr ? otherwise : std::atoll(value);
}

/// All that a run writes is written, and lies in its folder, tokens and tokenizer as well.
Words command(const std::string& model, const std::string& run, const Words& more) {
  Words settings = {"train.steps=" + std::to_string(kSteps),
                    "checkpoint.every=3",
                    "evaluation.every=3",
                    "metrics.tensorboard=true",
                    "data.cache=output/" + run + "/cache",
                    "tokenizer.path=output/" + run + "/tokenizer.json"};
  settings.insert(settings.end(), more.begin(), more.end());
  return train(model, run, settings);
}

/// What is left of a run called `run`, against the undisturbed one.
Words losses(const Workplace& workplace, const std::string& run) {
  Words lost = differences(workplace, "whole", run, kSteps);
  const auto pth = [&](const std::string& name) {
    std::string all;
    for (const char* file : {"pretrain_32.pth", "pretrain_32_moe.pth"}) {
      const std::string path = "output/" + name + "/" + file;
      if (workplace.exists(path)) all += workplace.read(path);
    }
    return all;
  };
  if (pth("whole") != pth(run)) lost.emplace_back(".pth");
  const auto best = [&](const std::string& name) {
    return fs::read_symlink(workplace / ("output/" + name + "/checkpoints/best")).string();
  };
  if (best("whole") != best(run)) lost.emplace_back("best");
  for (const auto& entry : fs::recursive_directory_iterator(workplace / ("output/" + run))) {
    const std::string name = entry.path().filename().string();
    if (name.find(".tmp") != std::string::npos || name.find(".corrupt") != std::string::npos) lost.push_back(name);
  }
  return lost;
}

class Faults : public testing::Test {
 protected:
  using Clock = std::chrono::steady_clock;

  /// `moe` is a mixture with dropout.
  explicit Faults(Words settings = {}, std::string model = "moe")
      : model_(std::move(model)), settings_(std::move(settings)) {
    const auto start = Clock::now();
    const Finished whole = workplace_.pretrain(command("whole", settings_));
    seconds_ = std::chrono::duration<double>(Clock::now() - start).count();
    EXPECT_EQ(whole.exit_code, 0) << whole.err;
  }

  Words command(const std::string& run, const Words& settings) const { return ::command(model_, run, settings); }

  /// A run in which `fault` happens at the change of a file with that number; 0: at none.
  Finished faulty(const std::string& fault, int64_t at, const Words& settings = {}) const {
    return run_program(MM_PRETRAIN, command("a", settings), workplace_.folder(),
                       {"LD_PRELOAD=" MM_FAULT_SHIM, "MM_FAULT_UNDER=/output/a/", "MM_FAULT=" + fault,
                        "MM_FAULT_AT=" + std::to_string(at), "MM_FAULT_LOG=" + workplace_ / "changes"});
  }

  /// The same command until the run has ended, and then nothing may be lost.
  void expect_nothing_lost(const std::string& where) {
    const Finished again = workplace_.pretrain(command("a", settings_));
    EXPECT_EQ(again.exit_code, 0) << where << again.err;
    EXPECT_EQ(losses(workplace_, "a"), Words()) << where;
    fs::remove_all(workplace_ / "output/a");
  }

  /// Sends `signal` at random instants, each in a run of its own.
  ///   codes    that the run may end with
  ///   seconds  that it may take to end
  void try_instants(int signal, const std::vector<int>& codes, double seconds) {
    mm::RandomStream random(7, "instants");
    for (int64_t kill = 0; kill < number_of("MM_FAULT_KILLS", 2); ++kill) {
      const auto instant = static_cast<useconds_t>(static_cast<double>(random.below(1000)) * seconds_ * 1e3);
      const std::string where = mm::format("signal %d after %.3f s\n", signal, static_cast<double>(instant) / 1e6);
      {
        Program program = workplace_.start(command("a", settings_));
        usleep(instant);
        program.send(signal);
        const auto start = Clock::now();
        const Finished finished = program.wait();
        const double taken = std::chrono::duration<double>(Clock::now() - start).count();
        EXPECT_NE(std::find(codes.begin(), codes.end(), finished.exit_code), codes.end())
            << where << "ended with " << finished.exit_code << "\n"
            << finished.err;
        EXPECT_LT(taken, seconds) << where;
        slowest_ = std::max(slowest_, taken);
      }
      expect_nothing_lost(where);
    }
    RecordProperty("slowest_end_in_seconds", std::to_string(slowest_));
  }

  /// Tries `fault` at places spread over a run, each in a run of its own; MM_FAULT_FIRST and MM_FAULT_LAST: over these
  /// changes of it.
  ///   codes  that the run may end with
  void try_places(const std::string& fault, const std::vector<int>& codes) {
    EXPECT_EQ(faulty("kill", 0).exit_code, 0);
    const std::string log = workplace_.read("changes");
    const auto changes = std::count(log.begin(), log.end(), '\n');
    fs::remove_all(workplace_ / "output/a");
    ASSERT_GT(changes, 50);
    const int64_t first = number_of("MM_FAULT_FIRST", 1);
    const int64_t places = std::min<int64_t>(number_of("MM_FAULT_LAST", changes), changes) - first + 1;
    const int64_t points = std::min<int64_t>(number_of("MM_FAULT_POINTS", 3), places);
    for (int64_t point = 0; point < points; ++point) {
      const int64_t at = first + (2 * point + 1) * places / (2 * points);
      fs::remove(workplace_ / "changes");
      const Finished finished = faulty(fault, at);
      const std::string where = mm::format("%s at change %lld\n", fault.c_str(), static_cast<long long>(at));
      EXPECT_NE(std::find(codes.begin(), codes.end(), finished.exit_code), codes.end())
          << where << "ended with " << finished.exit_code << "\n"
          << finished.err;
      expect_nothing_lost(where);
    }
  }

  const std::string model_;
  const Words settings_;
  Workplace workplace_;
  double slowest_ = 0;  ///< seconds
  double seconds_ = 0;  ///< that an undisturbed run takes, its tokenizer and token files included
};

// The number of changes varies a little, as checkpoints are written beside the training: a fault near the end may come
// too late, and then the run has ended.
TEST_F(Faults, AKillAtAnyChangeOfAFileLosesNothing) {
  try_places("kill", {-SIGKILL, 0});
}

TEST_F(Faults, APowerCutAtAnyChangeOfAFileLosesNothing) {
  try_places("power-cut", {-SIGKILL, 0});
}

TEST_F(Faults, AFullDiskAtAnyChangeOfAFileLosesNothing) {
  try_places("ENOSPC", {0, 7});
}

TEST_F(Faults, AFailingDiskAtAnyChangeOfAFileLosesNothing) {
  try_places("EIO", {0, 7});
}

TEST_F(Faults, AnInterruptedCallIsMadeAgain) {
  try_places("EINTR", {0});
}

TEST_F(Faults, AShortWriteIsWrittenToItsEnd) {
  try_places("short", {0});
}

TEST_F(Faults, ADiskThatDoesNotAnswerEndsTheRunAndTellsWhere) {
  const Finished hung = faulty("hang", 30, {"run.hang_seconds=4"});
  EXPECT_EQ(hung.exit_code, 9) << hung.err;
  EXPECT_NE(hung.err.find("seconds without getting on, want less than run.hang_seconds"), std::string::npos)
      << hung.err;
  EXPECT_NE(hung.err.find("libfault_shim.so("), std::string::npos) << hung.err;
  expect_nothing_lost("hang");
}

TEST_F(Faults, ARequestToStopAtAnyChangeOfAFileIsMetAndLosesNothing) {
  try_places("stop", {kStopped, 0});
}

// Before the program has taken its signals over, a request ends it as signals do; there is nothing to lose yet.
TEST_F(Faults, RequestsToStopAtRandomInstantsAreMetInTimeAndLoseNothing) {
  try_instants(SIGTERM, {kStopped, 0, -SIGTERM}, 10);
}

TEST_F(Faults, KillsAtRandomInstantsLoseNothing) {
  try_instants(SIGKILL, {-SIGKILL, 0}, 10);
}

class FaultsOfDense : public Faults {
 protected:
  FaultsOfDense() : Faults({}, "dense") {}
};

TEST_F(FaultsOfDense, AKillAtAnyChangeOfAFileLosesNothing) {
  try_places("kill", {-SIGKILL, 0});
}

TEST_F(FaultsOfDense, KillsAtRandomInstantsLoseNothing) {
  try_instants(SIGKILL, {-SIGKILL, 0}, 10);
}

/// Sets the tensors of a file whose names begin with `prefix` to what they are in a fresh run.
void zero(const std::string& file, const std::string& prefix) {
  std::string bytes = mm::read_file(file, mm::ExitCode::kInternal);
  const mm::SafetensorsHeader header = mm::read_safetensors_header(std::as_bytes(std::span(bytes)), file);
  int64_t found = 0;
  for (const mm::SafetensorsEntry& entry : header.entries) {
    if (entry.name.find(prefix) == std::string::npos) continue;
    std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(header.data_start + entry.begin), entry.end - entry.begin,
                0);
    ++found;
  }
  ASSERT_GT(found, 0) << prefix;
  mm::write_file_atomic(file, bytes);
}

/// The other side: were one part of a state not restored, the comparison would tell. A part that is put back to what a
/// fresh run has, under a manifest that says it is whole, stands for that.
class FaultsWithBias : public Faults {
 protected:
  FaultsWithBias() : Faults({"model.balance=bias"}) {}
};

TEST_F(FaultsWithBias, APartThatWereNotRestoredWouldBeNoticed) {
  const std::map<std::string, std::function<void(const std::string& folder)>> parts = {
      {"first moments", [](const std::string& folder) { zero(folder + "/optimizer.safetensors", "exp_avg."); }},
      {"second moments", [](const std::string& folder) { zero(folder + "/optimizer.safetensors", "exp_avg_sq."); }},
      {"updates", [](const std::string& folder) { zero(folder + "/optimizer.safetensors", "updates"); }},
      {"router bias", [](const std::string& folder) { zero(folder + "/model.safetensors", "bias"); }},
      {"place in the data",
       [](const std::string& folder) {
         const std::string file = folder + "/state.json";
         auto state = nlohmann::ordered_json::parse(mm::read_file(file, mm::ExitCode::kInternal));
         state["data_position"] = 0;
         mm::write_file_atomic(file, state.dump(2) + "\n");
       }},
      {"nothing", [](const std::string&) {}},
  };
  EXPECT_EQ(workplace_.pretrain(command("stopped", {"model.balance=bias", "train.stop_after=6"})).exit_code, kStopped);
  for (const auto& [part, reset] : parts) {
    SCOPED_TRACE(part);
    fs::copy(workplace_ / "output/stopped", workplace_ / "output/a",
             fs::copy_options::recursive | fs::copy_options::copy_symlinks);
    const std::string folder = workplace_ / "output/a/checkpoints/step_00000006";
    reset(folder);
    mm::write_manifest(folder, 6, {"model.safetensors", "optimizer.safetensors", "state.json", "config.json"}, true);
    const Finished again = workplace_.pretrain(command("a", settings_));
    EXPECT_EQ(again.exit_code, 0) << again.err;
    EXPECT_EQ(losses(workplace_, "a").empty(), part == "nothing");
    fs::remove_all(workplace_ / "output/a");
  }
}

}  // namespace
