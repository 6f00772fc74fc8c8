// manifest.json: which files a checkpoint consists of, how long they are and what they hash to.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/error.h"

namespace mm {

/// A checkpoint that a newer version of the program wrote: nothing is wrong with it, and nothing may be done to it.
class NewerFormat : public Error {
 public:
  using Error::Error;
};

/// Writes `<folder>/manifest.json` over `files` of that folder. Throws Error(kStorage).
///   healthy  whether the model was learning when it was saved
void write_manifest(const std::string& folder, int64_t step, const std::vector<std::string>& files, bool healthy);

/// Throws Error(kCheckpoint) unless `<folder>/manifest.json` is of `step` (none: of any), names each of `files`, and
/// each has the size and hash it says. Throws NewerFormat for a format that this version does not know.
void verify_manifest(const std::string& folder, std::optional<int64_t> step, const std::vector<std::string>& files);

/// Whether the manifest of `folder` names this file; false where it cannot be read.
bool is_listed(const std::string& folder, const std::string& file);

/// Whether the manifest of `folder` says that the model was learning; true where it says nothing of it.
bool is_healthy(const std::string& folder);

}  // namespace mm
