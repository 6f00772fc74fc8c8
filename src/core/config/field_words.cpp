// Type words, ranges and units.
#include "core/config/field_words.h"

#include "core/json/json_text.h"
#include "core/text.h"

namespace mm {
namespace {

std::string bound(double value) {
  return format("%.15g", value);
}

std::string number_words(std::string words, const FieldRules& rules) {
  if (rules.min && rules.max) {
    words += " in [" + bound(*rules.min) + ", " + bound(*rules.max) + "]";
  } else if (rules.min) {
    words += " of at least " + bound(*rules.min);
  } else if (rules.max) {
    words += " of at most " + bound(*rules.max);
  }
  if (!rules.unit.empty()) words.append(" ").append(rules.unit);
  if (rules.short_counts) words += " (500M, 2k)";
  return words;
}

std::string string_words(const char* any, const FieldRules& rules) {
  if (rules.choices.empty()) return any;
  std::vector<std::string> quoted;
  for (const std::string_view choice : rules.choices) quoted.push_back(quote_json(choice));
  return "one of " + join(quoted, ", ");
}

}  // namespace

std::string accepted_values(const FieldValue& value, const FieldRules& rules) {
  struct Words {
    const FieldRules& rules;
    std::string operator()(bool*) const { return "true or false"; }
    std::string operator()(int64_t*) const { return number_words("an integer", rules); }
    std::string operator()(double*) const { return number_words("a number", rules); }
    std::string operator()(std::optional<int64_t>*) const { return number_words("an integer", rules) + ", or null"; }
    std::string operator()(std::optional<double>*) const { return number_words("a number", rules) + ", or null"; }
    std::string operator()(std::string*) const { return string_words("a string", rules); }
    std::string operator()(std::vector<std::string>*) const {
      return rules.choices.empty() ? "a list of strings" : "a list, each " + string_words("", rules);
    }
    std::string operator()(std::vector<LabelledPath>*) const { return "a list of paths"; }
  };
  return std::visit(Words{rules}, value);
}

bool in_range(double number, const FieldRules& rules) {
  return (!rules.min || number >= *rules.min) && (!rules.max || number <= *rules.max);
}

}  // namespace mm
