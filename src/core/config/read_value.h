// One JSON value into one setting, or a message that says what it should have been.
#pragma once

#include <string>

#include "core/config/config.h"
#include "core/config/fields.h"
#include "core/json/json_tree.h"

namespace mm {

/// What reading a setting and telling of its problems needs.
struct Setting {
  std::string where;  ///< `<file>:<dotted key>`
  std::string help;   ///< the remedy when nothing better is known
  const FieldRules& rules;
  bool bare_words = false;  ///< a number or `true` given to a string is the text itself (--set run.name=2024)
};

/// Reads `tree` into `target`, which stays as it is when this adds to `problems`.
void read_value(const JsonTree& tree, const Setting& setting, const FieldValue& target, Problems& problems);

/// Reads the true or false of a switch alias (setting.rules.switch_alias) as the word it means.
void read_switch(const JsonTree& tree, const Setting& setting, std::string* target, Problems& problems);

/// "`name`"
std::string backticked(std::string_view name);
/// "did you mean <name>?"
std::string did_you_mean(const std::string& name);

}  // namespace mm
