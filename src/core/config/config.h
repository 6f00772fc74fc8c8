// From a JSON file and `--set a.b=value` to a typed config, and back.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/config/fields.h"
#include "core/json/json_tree.h"
#include "core/problems.h"

namespace mm {

/// Visits the settings of one config: `[&](Fields& fields) { config.visit(fields); }`.
using VisitFields = std::function<void(Fields&)>;

/// A place that settings come from, parsed: the file, or one override.
struct ConfigSource {
  std::string name;          ///< for messages: the path, or "--set"
  bool is_override = false;  ///< a number or `true` may stand for a text in it
  JsonTree tree;
};

/// Rewrites the sources of a config before they are read, the file first: what other programs call otherwise.
using PrepareSources = std::function<void(std::vector<ConfigSource>&)>;

/// Reads `path` and the overrides (`a.b=value`, value in JSON or a bare word) into the visited struct; later ones win.
/// Strict: unknown keys (with the nearest known name), wrong types, fractions for integers, numbers that do not fit,
/// out-of-range values, duplicate keys, NaN, a byte order mark, truncated or too deep JSON, a key and its alias
/// together.
///   problems  gets one message for each; a file that cannot be read or parsed gives a single one
/// A setting with a problem keeps its value, so that checks between settings can still run and add to `problems`.
/// An empty `path` reads the overrides alone, over the defaults.
void read_config(const std::string& path, const std::vector<std::string>& overrides, const VisitFields& visit,
                 Problems& problems, const PrepareSources& prepare = {});

/// The same for the text of a file, called `where` in messages.
void read_config_text(const std::string& text, const std::string& where, const VisitFields& visit, Problems& problems);

/// The dotted keys that a source gives a value, under their own names; those that no setting has are left out.
std::vector<std::string> said_keys(const ConfigSource& source, const VisitFields& visit);

/// The dotted names of all settings of the visited struct, with those that other tools use for the same.
std::vector<std::string> setting_names(const VisitFields& visit);

/// The resolved config: every key in the order of the fields, two-space indented JSON with a final newline.
/// Reading it back gives the same values, and writing that gives the same bytes.
std::string write_config(const VisitFields& visit);

/// For `--describe`: a heading for each section, then one aligned line a key with its accepted values, its value in
/// the visited struct (the default, when nothing was read into it) and its help with the other names it answers to.
std::string describe_config(const VisitFields& visit);

/// The dotted keys of all settings, in the order of the fields.
std::vector<std::string> config_keys(const VisitFields& visit);

/// The dotted keys whose values differ between two written configs, as `key: old -> new` in the order of `after`;
/// keys that only one of them has follow as `key: none -> new` and `key: old -> none`.
/// Throws Error(kConfig) when one of them is not strict JSON.
std::vector<std::string> diff_config(const std::string& before, const std::string& after);

}  // namespace mm
