// Every launcher's way to say who is who, and what half of it is answered with.
#include "distributed/placement.h"

#include <gtest/gtest.h>

#include <map>

#include "core/error.h"

namespace mm {
namespace {

using Variables = std::map<std::string, std::string>;

Placement placed(const Variables& variables) {
  return placement_of([&](const char* name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return {};
    return found->second;
  });
}

std::string refusal(const Variables& variables) {
  try {
    placed(variables);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kConfig);
    return error.what();
  }
  return "none";
}

const Variables kTorchrun = {{"RANK", "5"},        {"WORLD_SIZE", "8"},
                             {"LOCAL_RANK", "1"},  {"LOCAL_WORLD_SIZE", "4"},
                             {"MASTER_ADDR", "h"}, {"MASTER_PORT", "29500"}};

Variables torchrun_with(const std::string& name, const std::string& value) {
  Variables variables = kTorchrun;
  variables[name] = value;
  return variables;
}

TEST(Placement, AProcessThatNobodyLaunchedIsAlone) {
  EXPECT_TRUE(placed({}).is_alone());
  EXPECT_TRUE(placed({{"WORLD_SIZE", "1"}}).is_alone());
  EXPECT_TRUE(placed({{"SLURM_NTASKS", "1"}, {"SLURM_JOB_ID", "7"}}).is_alone());
}

TEST(Placement, TorchrunsVariablesAreUnderstood) {
  const Placement place = placed(kTorchrun);
  EXPECT_EQ(place.rank, 5);
  EXPECT_EQ(place.size, 8);
  EXPECT_EQ(place.local_rank, 1);
  EXPECT_EQ(place.local_size, 4);
  EXPECT_EQ(place.address, "h");
  EXPECT_EQ(place.port, 29500);
  EXPECT_FALSE(place.agent_keeps_store);
}

TEST(Placement, TorchrunsOwnStoreIsJoinedAndEveryAttemptMeetsItself) {
  Variables variables = torchrun_with("TORCHELASTIC_USE_AGENT_STORE", "True");
  variables["TORCHELASTIC_RESTART_COUNT"] = "2";
  EXPECT_TRUE(placed(variables).agent_keeps_store);
  EXPECT_EQ(placed(variables).attempt, "2");
}

TEST(Placement, WhereNobodySaysOtherwiseEveryProcessHasAMachine) {
  const Placement place = placed({{"RANK", "1"}, {"WORLD_SIZE", "2"}, {"MASTER_ADDR", "h"}, {"MASTER_PORT", "9"}});
  EXPECT_EQ(place.local_rank, 0);
  EXPECT_EQ(place.local_size, 1);
}

TEST(Placement, TasksOfSlurmMeetAtTheFirstMachineOfTheirStep) {
  const Placement place = placed({{"SLURM_NTASKS", "8"},
                                  {"SLURM_PROCID", "6"},
                                  {"SLURM_LOCALID", "2"},
                                  {"SLURM_STEP_NODELIST", "gpu[07-08,12]"},
                                  {"SLURM_STEP_TASKS_PER_NODE", "4(x2)"},
                                  {"SLURM_JOB_ID", "1000"}});
  EXPECT_EQ(place.rank, 6);
  EXPECT_EQ(place.size, 8);
  EXPECT_EQ(place.local_rank, 2);
  EXPECT_EQ(place.local_size, 4);
  EXPECT_EQ(place.address, "gpu07");
  EXPECT_EQ(place.port, 27000);
}

TEST(Placement, AListOfMachinesWithoutBracketsBeginsWithTheFirst) {
  Variables slurm = {{"SLURM_NTASKS", "2"}, {"SLURM_PROCID", "0"}, {"SLURM_LOCALID", "0"}};
  slurm["SLURM_JOB_NODELIST"] = "alpha,beta[1-2]";
  EXPECT_EQ(placed(slurm).address, "alpha");
  slurm["MASTER_ADDR"] = "chosen";
  slurm["MASTER_PORT"] = "1234";
  EXPECT_EQ(placed(slurm).address, "chosen");
  EXPECT_EQ(placed(slurm).port, 1234);
}

TEST(Placement, HalfOfTheVariablesIsNoPlacement) {
  EXPECT_EQ(refusal({{"RANK", "0"}, {"WORLD_SIZE", "2"}}),
            "the environment: got no MASTER_ADDR, no MASTER_PORT, want RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT "
            "(torchrun or scripts/launch.sh set them; unset the others to train with one process)");
  EXPECT_NE(refusal({{"RANK", "1"}}), "none");
  EXPECT_EQ(refusal({{"SLURM_NTASKS", "4"}, {"SLURM_JOB_NODELIST", "a"}}),
            "the environment: got SLURM_NTASKS, but no SLURM_PROCID, no SLURM_LOCALID, want what srun sets (start it "
            "with srun; unset SLURM_NTASKS to train with one process)");
}

TEST(Placement, ContradictionsAreToldTogether) {
  Variables variables = torchrun_with("RANK", "8");
  variables["LOCAL_RANK"] = "4";
  EXPECT_EQ(refusal(variables),
            "RANK: got 8, want less than WORLD_SIZE 8 (processes are counted from 0)\n"
            "the local rank: got 4, want less than the processes of this machine, 4 (processes are counted from 0)");
}

TEST(Placement, WhatIsNoNumberIsRefused) {
  EXPECT_EQ(refusal(torchrun_with("WORLD_SIZE", "two")).substr(0, 56),
            "WORLD_SIZE: got two, want a number from 1 to 1048576\nRAN");
  EXPECT_NE(refusal(torchrun_with("MASTER_PORT", "70000")), "none");
  EXPECT_NE(refusal(torchrun_with("RANK", "-1")), "none");
}

}  // namespace
}  // namespace mm
