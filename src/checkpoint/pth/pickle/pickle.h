// Python pickles read as data: the part of protocols 2 to 5 that torch.save uses for tensors, numbers, strings and
// their lists, tuples and dicts. Nothing in a pickle is ever called.
// Format: https://github.com/python/cpython/blob/main/Lib/pickletools.py
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "checkpoint/pth/pickle/pickle_tree.h"

namespace mm {

/// The values of a pickle. Their strings point into `pickle`, which must outlive the tree.
///   name  the file, for messages
/// OrderedDicts are dicts; what BUILD attaches to them (`_metadata`) is read and dropped. Memory is linear in the size
/// of the pickle, time nearly so.
/// Throws Error(kCheckpoint) for any name but those of tensors, storages, OrderedDict and torch.Size, naming it; for
/// opcodes that torch.save does not write; for integers beyond 64 bits; for keys that are neither strings nor integers
/// or that come twice; for more than 64 MiB, 4,194,304 values, 64 levels, or tensors of more than 64 dimensions; for
/// containers that hold themselves or hold others over and over ("billion laughs"); and for whatever is cut short.
PickleTree read_pickle(std::span<const std::byte> pickle, std::string name);

}  // namespace mm
