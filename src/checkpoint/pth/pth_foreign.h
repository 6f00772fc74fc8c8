// Files that are called `.pth` and are something else.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace mm {

/// Throws Error(kCheckpoint) unless `file` begins as a zip archive does. The message says what the file is instead and
/// what to do: PyTorch's formats before 1.6 (with the Python line that converts them), safetensors, gzip, git-lfs
/// pointers, web pages, text, nothing.
void refuse_foreign_file(std::span<const std::byte> file, const std::string& path);

}  // namespace mm
