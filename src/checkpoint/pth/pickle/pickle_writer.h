// Pickles as torch.save writes them (protocol 2), value by value.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "checkpoint/pth/pickle/pickle_tree.h"

namespace mm {

/// Containers are opened, filled by writing their items (for a dict: key, value, key, value), and closed.
class PickleWriter {
 public:
  PickleWriter();

  void none();
  void boolean(bool value);
  void integer(int64_t value);
  void real(double value);
  void string(std::string_view text);  ///< UTF-8

  void open_list();
  void close_list();
  void open_tuple();
  void close_tuple();
  void open_dict();
  void open_ordered_dict();
  void close_dict();

  /// Ends the OrderedDict that was just closed with a module's `_metadata`: its version (1) under each of `modules`.
  void module_metadata(std::span<const std::string> modules);

  /// A contiguous tensor that fills the storage `key`, saved from the CPU.
  void tensor(StorageDtype dtype, std::string_view key, std::span<const int64_t> sizes);

  /// The whole pickle; nothing can be written after it.
  std::string finish();

 private:
  void global(std::string_view module, std::string_view name);
  void shape(std::span<const int64_t> numbers);

  std::string out_;
};

}  // namespace mm
