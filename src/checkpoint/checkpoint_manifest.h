// manifest.json: which files a checkpoint consists of, how long they are and what they hash to.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace mm {

/// Writes `<folder>/manifest.json` over `files` of that folder. Throws Error(kStorage).
void write_manifest(const std::string& folder, int64_t step, const std::vector<std::string>& files);

/// Throws Error(kCheckpoint) unless `<folder>/manifest.json` is of `step`, names each of `files`, and each has the size
/// and hash it says.
void verify_manifest(const std::string& folder, int64_t step, const std::vector<std::string>& files);

}  // namespace mm
