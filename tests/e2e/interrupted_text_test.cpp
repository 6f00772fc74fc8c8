// Text that is tokenized behind a run, and text that is another one: the same bytes, or a word.
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/text.h"
#include "workplace.h"

namespace {

namespace fs = std::filesystem;

Words names_in(const std::string& folder) {
  Words names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename());
  return names;
}

/// Removes what was tokenized; returns where it was.
std::string remove_store(const Workplace& workplace) {
  for (const auto& entry : fs::directory_iterator(workplace.folder())) {
    if (entry.path().extension() != ".tokens") continue;
    fs::remove_all(entry.path());
    return entry.path();
  }
  ADD_FAILURE() << "no store";
  return "";
}

TEST(InterruptedText, ThatIsTokenizedBehindTheTrainingChangesNoByteOfIt) {
  const Workplace workplace;
  std::string lines;
  for (int i = 0; i < 4000; ++i) {
    lines += mm::format("{\"text\": \"%d is a number that %s\"}\n", i,
                        std::string(1000, static_cast<char>('a' + i % 26)).c_str());
  }
  workplace.write("text.jsonl", lines);
  const Words settings = {"data.shuffle_megabytes=1"};
  finish(workplace, "cold", settings);
  finish(workplace, "warm", settings);
  EXPECT_EQ(differences(workplace, "cold", "warm", 20), Words());
  EXPECT_TRUE(workplace.exists("output/warm/data.json"));

  const std::string store = remove_store(workplace);
  for (size_t parts = 1; parts < 5; ++parts) {
    Program program = workplace.start(train("dense", "killed", settings));
    program.wait_until([&] { return fs::exists(store) && names_in(store).size() > 2 * parts; });
    program.send(SIGKILL);
    program.wait();
  }
  finish(workplace, "killed", settings);
  EXPECT_EQ(differences(workplace, "killed", "warm", 20), Words());
  for (const std::string& name : names_in(store)) {
    EXPECT_TRUE(name == ".lock" || name.ends_with(".part")) << name;
  }
}

TEST(InterruptedText, ThatIsAnotherOneIsNoticedWhereverItDiffers) {
  const Workplace workplace;
  std::string lines;
  for (int i = 0; i < 4000; ++i) lines += mm::format("{\"text\": \"%d %s\"}\n", i, std::string(1000, 'x').c_str());
  workplace.write("text.jsonl", lines);
  finish(workplace, "a", {"data.shuffle_megabytes=1"});
  const Words more = {"data.shuffle_megabytes=1", "train.steps=4000"};
  const std::string refusal = "data.train: got other text or tokens than output/a";

  workplace.write("text.jsonl", lines + "{\"text\": \"one more\"}\n");
  const Finished longer = workplace.pretrain(train("dense", "a", more));
  EXPECT_EQ(longer.exit_code, 3) << longer.out;
  expect_contains(longer.err, refusal);

  // Between two of the blocks that a start looks at.
  std::string other = lines;
  other[50'000] = 'y';
  workplace.write("text.jsonl", other);
  const Finished changed = workplace.pretrain(train("dense", "a", more));
  EXPECT_EQ(changed.exit_code, 3) << changed.out;
  expect_contains(changed.err, refusal);
}

}  // namespace
