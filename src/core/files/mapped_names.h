// Which file is mapped where, for a signal handler that must say which one became shorter.
#pragma once

#include <cstddef>
#include <string>

namespace mm {

/// From now on [begin, begin + bytes) is known as `path`. Beyond some thousand files nothing is kept.
void name_mapping(const void* begin, size_t bytes, const std::string& path);
void forget_mapping(const void* begin);

/// The file that `address` is mapped from; null when that is not known. For signal handlers.
const char* mapped_name(const void* address) noexcept;

}  // namespace mm
