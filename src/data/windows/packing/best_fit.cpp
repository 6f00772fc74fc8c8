// Rows are kept by how much room they have, and a bitset says of which amounts there is a row.
#include "data/windows/packing/best_fit.h"

#include <bit>
#include <limits>

#include "core/error.h"

namespace mm {
namespace {

constexpr uint32_t kNone = std::numeric_limits<uint32_t>::max();
constexpr size_t kWordBits = 64;

/// Numbers of pieces, those of the longest first; of equal ones in their order.
std::vector<uint32_t> longest_first(std::span<const uint32_t> lengths, uint32_t row_length) {
  std::vector<uint32_t> places(row_length + size_t{1});
  for (const uint32_t length : lengths) {
    require(length > 0 && length <= row_length, "a piece that fits into a row");
    ++places[row_length - length];
  }
  uint32_t before = 0;
  for (uint32_t& place : places) {
    const uint32_t count = place;
    place = before;
    before += count;
  }
  std::vector<uint32_t> order(lengths.size());
  for (uint32_t piece = 0; piece < lengths.size(); ++piece) order[places[row_length - lengths[piece]]++] = piece;
  return order;
}

/// Rows with some room left, found by it. Those of equal room are a list, the one that came last in front.
class Rooms {
 public:
  explicit Rooms(uint32_t row_length)
      : first_(row_length + size_t{1}, kNone), amounts_((row_length + size_t{1} + kWordBits - 1) / kWordBits) {}

  /// Takes out a row with the least room that is at least `length`, and says how much that is; kNone when there is
  /// none.
  uint32_t take(uint32_t length, uint32_t& room) {
    room = smallest_from(length);
    if (room == kNone) return kNone;
    const uint32_t row = first_[room];
    first_[room] = next_[row];
    if (first_[room] == kNone) amounts_[room / kWordBits] &= ~bit(room);
    return row;
  }

  void put(uint32_t row, uint32_t room) {
    if (next_.size() <= row) next_.resize(row + size_t{1}, kNone);
    next_[row] = first_[room];
    first_[room] = row;
    amounts_[room / kWordBits] |= bit(room);
  }

 private:
  static uint64_t bit(uint32_t room) { return uint64_t{1} << (room % kWordBits); }

  uint32_t smallest_from(uint32_t length) const {
    size_t word = length / kWordBits;
    uint64_t amounts = amounts_[word] & (~uint64_t{0} << (length % kWordBits));
    while (amounts == 0 && ++word < amounts_.size()) amounts = amounts_[word];
    return amounts == 0 ? kNone
                        : static_cast<uint32_t>(word * kWordBits) + static_cast<uint32_t>(std::countr_zero(amounts));
  }

  std::vector<uint32_t> first_;  // by room
  std::vector<uint32_t> next_;   // by row
  std::vector<uint64_t> amounts_;
};

}  // namespace

std::vector<uint32_t> best_fit(std::span<const uint32_t> lengths, uint32_t row_length) {
  std::vector<uint32_t> row_of_piece(lengths.size());
  Rooms rooms(row_length);
  uint32_t rows = 0;
  for (const uint32_t piece : longest_first(lengths, row_length)) {
    uint32_t room = row_length;
    uint32_t row = rooms.take(lengths[piece], room);
    if (row == kNone) {
      row = rows++;
      room = row_length;
    }
    row_of_piece[piece] = row;
    if (room > lengths[piece]) rooms.put(row, room - lengths[piece]);
  }
  return row_of_piece;
}

}  // namespace mm
