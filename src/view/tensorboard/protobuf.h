// Protocol buffers' wire format, as far as TensorBoard's events need it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace mm {

/// Builds the bytes of one message, field by field. A nested message is a field of `bytes`.
/// "Protocol Buffers Documentation: Encoding".
class ProtoMessage {
 public:
  ProtoMessage& integer(int field, int64_t value);
  ProtoMessage& real(int field, double value);
  ProtoMessage& real32(int field, float value);
  ProtoMessage& bytes(int field, std::string_view value);
  ProtoMessage& message(int field, const ProtoMessage& value) { return bytes(field, value.bytes_); }
  /// A repeated double, packed.
  ProtoMessage& reals(int field, std::span<const double> values);

  const std::string& bytes() const { return bytes_; }

 private:
  enum class WireType : uint64_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };
  void key(int field, WireType type);
  void varint(uint64_t value);
  void append(const void* data, size_t size) { bytes_.append(static_cast<const char*>(data), size); }

  std::string bytes_;
};

/// The value of the integer field `field` of a message, 0 when it has none or is no message.
int64_t proto_integer(std::string_view message, int field);

}  // namespace mm
