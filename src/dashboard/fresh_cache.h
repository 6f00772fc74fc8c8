// Values that are made of files, kept until the files change.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace mm {

/// Thread-safe. A value is made by one thread while others that want it wait. Making one again takes at most a tenth of
/// the time: of a run that writes all the time, and takes long to read, the value may be older than its files.
template <class Value>
class FreshCache {
 public:
  /// Keeps the `most` values that were asked for last.
  explicit FreshCache(size_t most) : most_(most) {}

  /// The value of `key`, made when there is none of this `state`. What `make` throws goes through, and nothing is kept.
  std::shared_ptr<const Value> get(const std::string& key, const std::string& state,
                                   const std::function<Value()>& make) {
    constexpr int kShare = 10;
    const std::shared_ptr<Entry> entry = entry_of(key);
    const std::lock_guard<std::mutex> lock(entry->mutex);
    if (entry->value && (entry->state == state || Clock::now() < entry->made + kShare * entry->took)) {
      return entry->value;
    }
    const Clock::time_point begun = Clock::now();
    entry->value = std::make_shared<const Value>(make());
    entry->made = Clock::now();
    entry->took = entry->made - begun;
    entry->state = state;
    return entry->value;
  }

 private:
  using Clock = std::chrono::steady_clock;

  struct Entry {
    std::mutex mutex;
    std::string state;
    std::shared_ptr<const Value> value;
    Clock::time_point made;
    Clock::duration took{};
    uint64_t asked = 0;  ///< under the mutex of the cache
  };

  std::shared_ptr<Entry> entry_of(const std::string& key) {
    const std::lock_guard<std::mutex> lock(mutex_);
    std::shared_ptr<Entry>& entry = entries_[key];
    if (!entry) entry = std::make_shared<Entry>();
    entry->asked = ++requests_;
    const std::shared_ptr<Entry> found = entry;
    while (entries_.size() > most_) {
      auto oldest = entries_.begin();
      for (auto each = entries_.begin(); each != entries_.end(); ++each) {
        if (each->second->asked < oldest->second->asked) oldest = each;
      }
      entries_.erase(oldest);
    }
    return found;
  }

  const size_t most_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Entry>> entries_;
  uint64_t requests_ = 0;
};

}  // namespace mm
