// The table of targets.
#include "tests/fuzz/target.h"

#include <algorithm>
#include <stdexcept>

namespace mm {

const std::vector<FuzzTarget>& fuzz_targets() {
  static const std::vector<FuzzTarget> targets = {kPthTarget,           kPickleTarget, kSafetensorsTarget,
                                                  kTokenizerJsonTarget, kTextTarget,   kTokenFileTarget,
                                                  kArchiveTarget};
  return targets;
}

const FuzzTarget& fuzz_target(const std::string& name) {
  const auto found = std::ranges::find(fuzz_targets(), name, &FuzzTarget::name);
  if (found == fuzz_targets().end()) throw std::out_of_range("no fuzz target " + name);
  return *found;
}

std::string mutate_anywhere(const std::string& input, size_t most_bytes, std::minstd_rand&,
                            const MutateBytes& mutate_bytes) {
  return mutate_bytes(input, most_bytes);
}

}  // namespace mm
