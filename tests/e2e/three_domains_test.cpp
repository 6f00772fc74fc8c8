// What three_domains promises: right answers, an expert for each domain, a picture, the same output for the same seed.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "core/files/files.h"
#include "program.h"
#include "tests/unit/core/temp_folder.h"

namespace {

using Words = std::vector<std::string>;

Finished three_domains(const TempFolder& folder, Words arguments) {
  arguments.insert(arguments.end(), {"--picture", "map.svg"});
  return run_program(MM_THREE_DOMAINS, arguments, folder.path());
}

std::string picture(const TempFolder& folder) {
  return mm::read_file(folder / "map.svg", mm::ExitCode::kInternal);
}

/// What one gate's block of the output says.
struct Block {
  double held_out_percent = 0;
  std::vector<std::string> top_experts;  ///< of medical, finance and manufacturing
};

/// The dense gate's block and the sparse one's.
std::vector<Block> blocks_of(const std::string& output) {
  std::vector<Block> blocks;
  std::istringstream lines(output);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("right ")) {
      const std::string before = "training texts, ";
      blocks.push_back({std::stod(line.substr(line.find(before) + before.size())), {}});
    }
    const bool is_domain = line.starts_with("medical ") || line.starts_with("finance ") || line.starts_with("manufact");
    if (is_domain) blocks.back().top_experts.push_back(line.substr(line.rfind(' ') + 1));
  }
  return blocks;
}

/// Whether every element is closed in its turn, attributes are quoted and no `&` or `<` stands alone: what a reader of
/// XML asks of a document without comments, CDATA or declarations.
bool is_well_formed(const std::string& xml) {
  std::vector<std::string> open;
  bool had_root = false;
  size_t at = 0;
  while (at < xml.size()) {
    if (xml[at] == '&' && xml.compare(at, 5, "&amp;") != 0 && xml.compare(at, 4, "&lt;") != 0) return false;
    if (xml[at] != '<') {
      if (open.empty() && xml[at] != '\n') return false;
      ++at;
      continue;
    }
    const size_t end = xml.find('>', at);
    if (end == std::string::npos) return false;
    std::string tag = xml.substr(at + 1, end - at - 1);
    at = end + 1;
    if (tag.starts_with('/')) {
      if (open.empty() || open.back() != tag.substr(1)) return false;
      open.pop_back();
      continue;
    }
    if (open.empty() && had_root) return false;
    had_root = true;
    if (std::count(tag.begin(), tag.end(), '"') % 2 != 0 || tag.find('<') != std::string::npos) return false;
    if (!tag.ends_with('/')) open.push_back(tag.substr(0, tag.find(' ')));
  }
  return had_root && open.empty();
}

TEST(ThreeDomains, EverySeedAnswersHeldOutTextsAndGivesEachDomainAnExpertOfItsOwn) {
  const TempFolder folder;
  for (const char* seed : {"1", "2", "3", "4", "5"}) {
    SCOPED_TRACE(std::string("seed ") + seed);
    const Finished program = three_domains(folder, {"--seed", seed});
    ASSERT_EQ(program.exit_code, 0) << program.err;
    const std::vector<Block> blocks = blocks_of(program.out);
    ASSERT_EQ(blocks.size(), 2u) << program.out;
    for (const Block& block : blocks) {
      EXPECT_GE(block.held_out_percent, 95.0) << program.out;
      const std::set<std::string> different(block.top_experts.begin(), block.top_experts.end());
      EXPECT_EQ(different.size(), 3u) << program.out;
    }
  }
}

TEST(ThreeDomains, TheSameSeedGivesTheSameOutputAndPicture) {
  const TempFolder folder;
  const std::string output = three_domains(folder, {"--seed", "3"}).out, first_picture = picture(folder);
  EXPECT_EQ(three_domains(folder, {"--seed", "3"}).out, output);
  EXPECT_EQ(picture(folder), first_picture);
  EXPECT_NE(three_domains(folder, {"--seed", "4"}).out, output);
}

TEST(ThreeDomains, ThePictureIsWellFormedAndNamesEveryDomainAndExpert) {
  const TempFolder folder;
  ASSERT_EQ(three_domains(folder, {"--experts", "5", "--top-k", "2"}).exit_code, 0);
  const std::string svg = picture(folder);
  EXPECT_TRUE(is_well_formed(svg)) << svg;
  EXPECT_TRUE(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""));
  for (const char* name : {"medical", "finance", "manufacturing", "expert 0", "expert 1", "expert 2", "expert 3",
                           "expert 4", "dense gate", "top-2 gate"}) {
    EXPECT_NE(svg.find(name), std::string::npos) << name;
  }
  EXPECT_EQ(svg.find("expert 5"), std::string::npos);
}

TEST(ThreeDomains, WrongUsageIsRefusedWithCodeTwoAndAPictureThatCannotBeWrittenWithSeven) {
  const TempFolder folder;
  for (const Words& arguments : std::vector<Words>{{"--experts", "2"},
                                                   {"--top-k", "0"},
                                                   {"--aux", "-1"},
                                                   {"--aux", "nan"},
                                                   {"--seed", "x"},
                                                   {"--seed", "-1"},
                                                   {"--colour", "red"}}) {
    EXPECT_EQ(three_domains(folder, arguments).exit_code, 2) << arguments[0];
  }
  const Finished too_many = three_domains(folder, {"--top-k", "3"});
  EXPECT_EQ(too_many.exit_code, 2);
  EXPECT_EQ(
      too_many.err,
      "error: --top-k: got 3, want fewer than the 3 experts (the dense gate, which weighs all of them, is shown in "
      "any case)\n");
  mm::write_file_atomic(folder / "file", "");
  EXPECT_EQ(run_program(MM_THREE_DOMAINS, {"--picture", "file/map.svg"}, folder.path()).exit_code, 7);
}

TEST(ThreeDomains, HelpShowsAnExample) {
  const TempFolder folder;
  const Finished program = three_domains(folder, {"--help"});
  EXPECT_EQ(program.exit_code, 0);
  EXPECT_NE(program.out.find("three_domains --aux 0"), std::string::npos) << program.out;
}

}  // namespace
