// Settings named once: key, value, range, unit and help stand in one line beside the struct that owns them.
// Reading a config, writing it back and describing every key are three visitors over that one list (config.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

namespace mm {

/// A file with an optional label: `"a.jsonl"` or `{"path": "a.jsonl", "domain": "poems"}` in JSON.
struct LabelledPath {
  std::string path;
  std::string domain;  ///< empty: none given
  bool operator==(const LabelledPath&) const = default;
};

/// The value a setting is read into and written from. An empty optional is `null` in JSON: "derive it".
using FieldValue = std::variant<bool*, int64_t*, double*, std::string*, std::optional<int64_t>*, std::optional<double>*,
                                std::vector<std::string>*, std::vector<LabelledPath>*>;

/// A true/false key of another tool that means one of two words here: `"use_moe": true` is `"model_type": "moe"`.
struct SwitchAlias {
  std::string_view key;
  std::string_view on;
  std::string_view off;
};

/// What is known of a setting besides its value. `min` and `max` are inclusive and bound every number.
struct FieldRules {
  std::optional<double> min = {};
  std::optional<double> max = {};
  std::string_view unit = "";                  ///< "tokens", "steps", ...
  std::vector<std::string_view> choices = {};  ///< the accepted words of a string
  std::vector<std::string_view> aliases = {};  ///< names other tools use for the same key
  std::optional<SwitchAlias> switch_alias = {};
  bool short_counts = false;  ///< "500M" stands for its number
};

/// A visitor of settings. A config struct lists its settings in one function:
///
///   void OptimConfig::visit(Fields& fields) {
///     fields("learning_rate", learning_rate, "peak learning rate", {.min = 0, .max = 10});
///   }
class Fields {
 public:
  virtual ~Fields() = default;

  void operator()(std::string_view key, FieldValue value, std::string_view help, const FieldRules& rules = {}) {
    field(key, value, help, rules);
  }
  template <class T>
    requires(!std::is_convertible_v<T&, FieldValue>)
  void operator()(std::string_view key, T& value, std::string_view help, const FieldRules& rules = {}) {
    field(key, FieldValue(&value), help, rules);
  }

  /// A nested object; `T` has `void visit(Fields&)`.
  template <class T>
  void section(std::string_view key, T& value, std::string_view help) {
    begin_section(key, help);
    value.visit(*this);
    end_section();
  }

 protected:
  virtual void field(std::string_view key, FieldValue value, std::string_view help, const FieldRules& rules) = 0;
  virtual void begin_section(std::string_view key, std::string_view help) = 0;
  virtual void end_section() = 0;
};

}  // namespace mm
