// The bytes of a pickle, front to back.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "checkpoint/pth/pickle/pickle_opcodes.h"
#include "core/error.h"
#include "core/little_endian.h"

namespace mm {

/// Takes values from the front of a pickle. Throws Error(kCheckpoint), naming the file and the byte, when too few are
/// left.
class PickleCursor {
 public:
  PickleCursor(std::span<const std::byte> pickle, const std::string& name) : pickle_(pickle), name_(name) {}

  size_t size() const { return pickle_.size(); }
  size_t remaining() const { return pickle_.size() - position_; }

  /// Errors from here on name the place of this opcode.
  PickleOp take_opcode() {
    opcode_position_ = position_;
    return static_cast<PickleOp>(take_number<uint8_t>());
  }

  /// Little-endian.
  template <class T>
  T take_number() {
    return load_le<T>(take(sizeof(T)).data());
  }

  std::string_view take_text(uint64_t count) {
    const auto bytes = take(count);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

  /// Up to a newline, which is passed over.
  std::string_view take_line() {
    const auto rest = pickle_.subspan(position_);
    const auto end = std::find(rest.begin(), rest.end(), std::byte{'\n'});
    if (end == rest.end()) refuse("a name without its end", "a whole pickle");
    const std::string_view line = take_text(static_cast<uint64_t>(end - rest.begin()));
    ++position_;
    return line;
  }

  double take_big_endian_double() { return std::bit_cast<double>(__builtin_bswap64(take_number<uint64_t>())); }

  /// Two's complement in `count` bytes.
  int64_t take_long(size_t count) {
    if (count > sizeof(int64_t)) refuse("an integer of " + std::to_string(count) + " bytes", "at most 8");
    uint64_t value = 0;
    bool negative = false;
    size_t shift = 0;
    for (const std::byte byte : take(count)) {
      value |= std::to_integer<uint64_t>(byte) << shift;
      shift += 8;
      negative = byte >= std::byte{0x80};
    }
    if (negative && shift < 64) value |= ~uint64_t{0} << shift;
    return static_cast<int64_t>(value);
  }

  [[noreturn]] void refuse(const std::string& got, const std::string& want,
                           const char* remedy = "the file is damaged, or not of torch.save; take another copy") const {
    const std::string where = name_ + ":data.pkl:byte " + std::to_string(opcode_position_);
    throw Error(ExitCode::kCheckpoint, got_want(where, got, want, remedy));
  }

 private:
  std::span<const std::byte> take(uint64_t count) {
    if (count > remaining()) refuse("an end in the middle of a value", std::to_string(count) + " bytes more");
    const auto bytes = pickle_.subspan(position_, count);
    position_ += count;
    return bytes;
  }

  std::span<const std::byte> pickle_;
  const std::string& name_;
  size_t position_ = 0;
  size_t opcode_position_ = 0;
};

}  // namespace mm
