// What is wrong with an input, all of it at once.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mm {

/// Problems of one config, collected so that the user sees all of them at once.
class Problems {
 public:
  /// `where` is `<file>:<dotted key>` or `<file>:<line>:<column>`.
  void add(std::string_view where, std::string_view got, std::string_view want, std::string_view remedy = "");
  /// A message that already has the form of got_want().
  void add(std::string message) { messages_.push_back(std::move(message)); }
  bool empty() const { return messages_.empty(); }
  const std::vector<std::string>& messages() const { return messages_; }
  /// Throws Error(kConfig) with the messages, one a line, the first hundred of them; does nothing when there is none.
  void throw_if_any() const;

 private:
  std::vector<std::string> messages_;
};

}  // namespace mm
