// Files that mean harm, through a program: told apart from each other, and nothing of them is run or written.
#include <gtest/gtest.h>

#include "tests/support/pth_builder.h"
#include "workplace.h"

namespace {

using namespace mm;

constexpr int kCheckpoint = 4;

struct Hostile {
  std::string bytes;
  const char* fault;  ///< a phrase of the message
};

std::vector<Hostile> hostile_files() {
  const std::string command = pickled_global("posix", "system") + "(" + pickled_text("touch pwned") + "tR";
  const std::string good = pth_of({});
  BuiltZip bomb = pth_parts(pickled_dict({{pickled_text("w"), pickled_tensor({})}}));
  bomb.entries[2].method = 8;
  bomb.entries[2].bytes = 0xfffffff0;
  return {{build_zip(pth_parts(command)), "got the Python name posix.system"},
          {good.substr(0, good.size() / 2), "got a zip archive without its end"},
          {build_zip(bomb), "got a compressed entry"},
          {pth_of({.sizes = {1000000000}, .strides = {0}}), "got a tensor of 1000000000 elements"},
          {build_zip(pth_parts(std::string(100000, '('))), "got deeper nesting"}};
}

TEST(HostileFiles, EndTheProgramWithTheirNameAndTheirFault) {
  const Workplace workplace;
  workplace.write("in.json", R"({"tokens": [[5, 6, 7]], "positions": [[0, 2]]})");
  for (const Hostile& file : hostile_files()) {
    workplace.write("bad.pth", file.bytes);
    const Finished program = workplace.evaluate({"--init", "bad.pth", "--tokens", "in.json", "--logits", "out.json"});
    EXPECT_EQ(program.exit_code, kCheckpoint) << file.fault;
    EXPECT_TRUE(program.err.starts_with("error: bad.pth:")) << program.err;
    EXPECT_NE(program.err.find(file.fault), std::string::npos) << program.err;
    EXPECT_FALSE(workplace.exists("out.json"));
    EXPECT_FALSE(workplace.exists("pwned"));
  }
}

}  // namespace
