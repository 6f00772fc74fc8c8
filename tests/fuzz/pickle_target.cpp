// Raw pickles, without the archive around them.
#include "checkpoint/pth/pickle/pickle.h"

#include "tests/fuzz/expect.h"
#include "tests/fuzz/pickle_walk.h"
#include "tests/fuzz/seeds.h"
#include "tests/fuzz/target.h"

namespace mm {
namespace {

bool run(Bytes input) {
  return allow_refusal(ExitCode::kCheckpoint, [&] {
    const PickleTree tree = read_pickle(input, kInputName);
    walk_pickle(PickleValue(tree, tree.root), input.size(), [](const PickleTensor& tensor) {
      expect(tensor.sizes.size() == tensor.strides.size(), "a tensor has as many sizes as strides");
    });
  });
}

}  // namespace

const FuzzTarget kPickleTarget = {"pickle", run, pickle_seeds, mutate_anywhere};

}  // namespace mm
