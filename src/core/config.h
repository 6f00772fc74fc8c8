// From a JSON file and `--set a.b=value` to a typed config, and back.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/fields.h"

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
  /// Throws Error(kConfig) with every message, one a line; does nothing when there is none.
  void throw_if_any() const;

 private:
  std::vector<std::string> messages_;
};

/// Visits the settings of one config: `[&](Fields& fields) { config.visit(fields); }`.
using VisitFields = std::function<void(Fields&)>;

/// Reads `path` and the overrides (`a.b=value`, value in JSON or a bare word) into the visited struct; later ones win.
/// Strict: unknown keys (with the nearest known name), wrong types, fractions for integers, numbers that do not fit,
/// out-of-range values, duplicate keys, NaN, a byte order mark, truncated or too deep JSON, a key and its alias
/// together.
///   problems  gets one message for each; a file that cannot be read or parsed gives a single one
///   notes     gets lines worth telling (ignored foreign keys)
/// A setting with a problem keeps its value, so that checks between settings can still run and add to `problems`.
/// An empty `path` reads the overrides alone, over the defaults.
void read_config(const std::string& path, const std::vector<std::string>& overrides, const VisitFields& visit,
                 Problems& problems, std::vector<std::string>& notes);

/// The resolved config: every key in the order of the fields, two-space indented JSON with a final newline.
/// Reading it back gives the same values, and writing that gives the same bytes.
std::string write_config(const VisitFields& visit);

/// For `--describe`: a heading for each section, then one aligned line a key with its accepted values, its value in
/// the visited struct (the default, when nothing was read into it) and its help with the other names it answers to.
std::string describe_config(const VisitFields& visit);

/// The dotted keys whose values differ between two written configs, as `key: old -> new` in the order of `after`;
/// keys that only one of them has follow as `key: none -> new` and `key: old -> none`.
/// Throws Error(kConfig) when one of them is not strict JSON.
std::vector<std::string> diff_config(const std::string& before, const std::string& after);

}  // namespace mm
