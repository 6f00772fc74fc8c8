// SHA-256, for comparing with stored hashes.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace mm {

/// 64 lower-case hexadecimal digits. Source: FIPS 180-4.
std::string sha256_hex(std::span<const std::byte> bytes);

}  // namespace mm
