// The numbers that the zip format is made of. Source: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
#pragma once

#include <cstddef>
#include <cstdint>

namespace mm {

inline constexpr uint32_t kLocalSignature = 0x04034b50;
inline constexpr uint32_t kCentralSignature = 0x02014b50;
inline constexpr uint32_t kEndSignature = 0x06054b50;
inline constexpr uint32_t kEnd64Signature = 0x06064b50;
inline constexpr uint32_t kLocatorSignature = 0x07064b50;
inline constexpr size_t kLocalBytes = 30;  ///< of a local header, without name and extra fields
inline constexpr uint16_t kZip64Extra = 0x0001;
inline constexpr uint32_t kIn64 = 0xffffffff;  ///< the real number is in the ZIP64 extra field
inline constexpr uint16_t kIn64Short = 0xffff;

}  // namespace mm
