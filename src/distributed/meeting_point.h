// Where the ranks of a world leave words for each other: c10d's TCP store, through one connection of one thread.
#pragma once

#include <c10/util/intrusive_ptr.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "distributed/placement.h"

namespace c10d {
class Store;
}

namespace mm {

/// Words are kept under keys until the last rank has left. A request is answered at once or the connection is broken:
/// then it throws std::exception. Not for several threads; each has a connection of its own.
class MeetingPoint {
 public:
  /// Connects to the address of the world, where rank 0 waits, or torchrun in its place.
  ///   opens  whether to wait there: of rank 0, its first connection
  /// Throws Error(kConfig) when nobody answers there within the limit, or the port is not to be had.
  MeetingPoint(const Placement& place, bool opens, std::chrono::seconds limit);
  ~MeetingPoint();
  MeetingPoint(const MeetingPoint&) = delete;
  MeetingPoint& operator=(const MeetingPoint&) = delete;

  void set(const std::string& key, const std::string& value);
  /// Sets it where nobody has; returns what is there then.
  std::string set_first(const std::string& key, const std::string& value);
  /// Adds to a number that is 0 first; returns the sum.
  int64_t add(const std::string& key, int64_t value);
  bool has(const std::vector<std::string>& keys);
  /// Nothing where there is no such key.
  std::optional<std::string> get(const std::string& key);

  const c10::intrusive_ptr<c10d::Store>& store() const { return store_; }

 private:
  c10::intrusive_ptr<c10d::Store> store_;
};

}  // namespace mm
