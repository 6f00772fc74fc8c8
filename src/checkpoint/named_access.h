// From the tensors of a file into the tensors of a model.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "checkpoint/named_tensors.h"
#include "core/files/files.h"

namespace mm {

/// What a model expects to find.
struct ExpectedTensor {
  std::string name;
  std::vector<int64_t> shape;
};

/// Throws Error(kCheckpoint) unless `tensors` have exactly the names and shapes wanted, in any order: one error that
/// lists what is missing, unexpected and of another shape.
///   file  named in the error
void check_named(const NamedTensors& tensors, const std::vector<ExpectedTensor>& want, const std::string& file);

/// Copies every tensor of `from` into the tensor of the same name in `into` (parameters included), whatever the order,
/// converting dtype and device. Checks as check_named does before the first copy.
///   maps  of files that `from` views: what needs no conversion is read from them anew, and the pages of a tensor leave
///         memory as soon as it is copied
void copy_named(const NamedTensors& from, const NamedTensors& into, const std::string& file,
                const std::vector<std::shared_ptr<const MappedFile>>& maps = {});

}  // namespace mm
