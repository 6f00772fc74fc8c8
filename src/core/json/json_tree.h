// Strict JSON as a tree that still knows how its numbers were written. For settings, not for data: it favours exact
// messages over speed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/problems.h"

namespace mm {

struct JsonTree {
  enum class Kind { kNull, kBool, kNumber, kString, kArray, kObject };
  struct Member;

  Kind kind = Kind::kNull;
  std::string text;                ///< a string's characters; any other scalar as written
  double number = 0;               ///< nearest double of a number
  std::optional<int64_t> integer;  ///< of a number written without a fraction (12, 3e2)
  std::vector<JsonTree> items;     ///< of an array
  std::vector<Member> members;     ///< of an object, in the order of the text

  bool is(Kind other) const { return kind == other; }
};

struct JsonTree::Member {
  std::string key;
  JsonTree value;
};

/// Parses all of `text`. Refuses duplicate keys, nesting deeper than 64, numbers that do not fit a double, invalid
/// UTF-8, comments, NaN and a byte order mark. Duplicate keys are all told; any other problem is the only one.
///   where  the file, for messages: `<where>:<line>:<column>` or `<where>:<dotted key>`
/// Returns nothing when it added to `problems`.
std::optional<JsonTree> parse_json(std::string_view text, std::string_view where, Problems& problems);

/// The value of a key of an object; null when it has none, or when `tree` is no object.
const JsonTree* find_member(const JsonTree& tree, std::string_view key);
JsonTree* find_member(JsonTree& tree, std::string_view key);

/// Compact JSON of a tree; numbers as they were written.
std::string to_json(const JsonTree& tree);

/// A value for a message: scalars as JSON cut to a readable length, `a list`, `an object`.
std::string show_json(const JsonTree& tree);

}  // namespace mm
