// Text in .gz and .zst files.
#pragma once

#include <string>

namespace mm {

/// The file to read a text from: `path` itself or, where that is a gzip or zstd archive, what it holds, as a file of
/// its own in `<file name>.unpacked/` (place_beside). That is made on first use, and again when the archive is another
/// one; of several processes one makes it and the others wait. A path that is no file is returned as it is.
///
/// Parts of a text from all over it are needed before the rest is read, in any order and again and again, and an
/// archive can only be read from its beginning: so it is unpacked once, and is a text like any other from then on.
///
/// Throws Error(kData) for an archive that is damaged or ends too early, Error(kStorage) when the file cannot be
/// written, StopRequested when the run is asked to stop meanwhile.
std::string unpacked(const std::string& path, const std::string& cache);

/// The name without .gz, .zst or .zstd.
std::string unpacked_name(const std::string& path);

}  // namespace mm
