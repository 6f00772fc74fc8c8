// Keys, varints and fixed numbers; the format is little-endian, as is every machine this runs on.
#include "view/tensorboard/protobuf.h"

#include <bit>
#include <optional>

namespace mm {
namespace {

static_assert(std::endian::native == std::endian::little);

std::optional<uint64_t> take_varint(std::string_view& bytes) {
  uint64_t value = 0;
  for (int shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  return std::nullopt;
}

bool skip(std::string_view& bytes, uint64_t count) {
  if (count > bytes.size()) return false;
  bytes.remove_prefix(count);
  return true;
}

}  // namespace

void ProtoMessage::key(int field, WireType type) {
  varint(static_cast<uint64_t>(field) << 3 | static_cast<uint64_t>(type));
}

void ProtoMessage::varint(uint64_t value) {
  for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>(value | 0x80);
  bytes_ += static_cast<char>(value);
}

ProtoMessage& ProtoMessage::integer(int field, int64_t value) {
  key(field, WireType::kVarint);
  varint(static_cast<uint64_t>(value));
  return *this;
}

ProtoMessage& ProtoMessage::real(int field, double value) {
  key(field, WireType::kFixed64);
  append(&value, sizeof value);
  return *this;
}

ProtoMessage& ProtoMessage::real32(int field, float value) {
  key(field, WireType::kFixed32);
  append(&value, sizeof value);
  return *this;
}

ProtoMessage& ProtoMessage::bytes(int field, std::string_view value) {
  key(field, WireType::kBytes);
  varint(value.size());
  bytes_ += value;
  return *this;
}

ProtoMessage& ProtoMessage::reals(int field, std::span<const double> values) {
  key(field, WireType::kBytes);
  varint(values.size_bytes());
  append(values.data(), values.size_bytes());
  return *this;
}

int64_t proto_integer(std::string_view message, int field) {
  while (!message.empty()) {
    const std::optional<uint64_t> key = take_varint(message);
    if (!key) return 0;
    switch (*key & 7) {
      case 0: {
        const std::optional<uint64_t> value = take_varint(message);
        if (!value) return 0;
        if (*key >> 3 == static_cast<uint64_t>(field)) return static_cast<int64_t>(*value);
        break;
      }
      case 1:
        if (!skip(message, 8)) return 0;
        break;
      case 2: {
        const std::optional<uint64_t> size = take_varint(message);
        if (!size || !skip(message, *size)) return 0;
        break;
      }
      case 5:
        if (!skip(message, 4)) return 0;
        break;
      default:
        return 0;
    }
  }
  return 0;
}

}  // namespace mm
