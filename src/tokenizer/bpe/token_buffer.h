// Where an encoder writes tokens: ids one after the other, in memory that grows and is not cleared first.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>

namespace mm {

/// `Id` is uint16_t, for vocabularies of up to 65,536 tokens, or int32_t.
template <class Id>
class TokenBuffer {
 public:
  /// Where the next `count` ids go. Earlier pointers and spans are void.
  Id* room(size_t count) {
    if (capacity_ - size_ < count) grow(count);
    return ids_.get() + size_;
  }

  /// Keeps what was written to the room up to `end`.
  void keep(const Id* end) { size_ = static_cast<size_t>(end - ids_.get()); }

  void push_back(Id id) {
    *room(1) = id;
    ++size_;
  }
  void clear() { size_ = 0; }

  size_t size() const { return size_; }
  std::span<const Id> ids() const { return {ids_.get(), size_}; }

 private:
  void grow(size_t count) {
    const size_t capacity = std::max(2 * capacity_, size_ + count);
    auto larger = std::make_unique_for_overwrite<Id[]>(capacity);
    std::copy_n(ids_.get(), size_, larger.get());
    ids_ = std::move(larger);
    capacity_ = capacity;
  }

  std::unique_ptr<Id[]> ids_;
  size_t size_ = 0, capacity_ = 0;
};

}  // namespace mm
