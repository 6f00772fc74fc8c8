// Writes the seeds of every target: fuzz_seeds <folder> makes <folder>/<target>/<number>.
#include <cstdio>
#include <exception>
#include <filesystem>
#include <string>

#include "core/files/files.h"
#include "tests/fuzz/target.h"

int main(int argc, char** argv) try {
  if (argc != 2) {
    std::fprintf(stderr, "usage: fuzz_seeds <folder>\n");
    return 2;
  }
  for (const mm::FuzzTarget& target : mm::fuzz_targets()) {
    const std::string folder = std::string(argv[1]) + "/" + target.name + "/";
    std::filesystem::create_directories(folder);
    int number = 0;
    for (const std::string& seed : target.seeds()) mm::write_file_atomic(folder + std::to_string(number++), seed);
  }
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "fuzz_seeds: %s\n", error.what());
  return 1;
}
