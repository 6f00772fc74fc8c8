// What libFuzzer calls, for the target that the build names. https://llvm.org/docs/LibFuzzer.html
#include <algorithm>
#include <cstdint>

#include "tests/fuzz/target.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t most_bytes);

namespace {

const mm::FuzzTarget& target() {
  static const mm::FuzzTarget& chosen = mm::fuzz_target(MM_TARGET);
  return chosen;
}

std::string mutate_bytes(std::string text, size_t most_bytes) {
  const size_t size = std::min(text.size(), most_bytes);
  text.resize(std::max<size_t>(most_bytes, 1));
  text.resize(LLVMFuzzerMutate(reinterpret_cast<uint8_t*>(text.data()), size, text.size()));
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  target().run(std::as_bytes(std::span(data, size)));
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t most_bytes, unsigned seed) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  std::minstd_rand random(seed);
  const std::string changed = target().mutate(input, most_bytes, random, mutate_bytes);
  const size_t length = std::min(changed.size(), most_bytes);
  std::copy_n(changed.begin(), length, reinterpret_cast<char*>(data));
  return length;
}
