// CRC-32C, the checksum of TensorFlow's record files.
#pragma once

#include <cstdint>
#include <string_view>

namespace mm {

/// Castagnoli's polynomial, reflected, as in RFC 3720 (iSCSI), appendix B.4.
uint32_t crc32c(std::string_view bytes);

/// A CRC as TensorFlow stores it: rotated right by 15 bits, plus a constant, because the CRC of bytes that contain
/// their own CRC is of little use (tensorflow/core/lib/hash/crc32c.h).
uint32_t masked_crc32c(std::string_view bytes);

}  // namespace mm
