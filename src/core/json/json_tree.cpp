// nlohmann's parser as a stream of events: its own tree keeps the last of two equal keys and narrows numbers silently.
#include "core/json/json_tree.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_set>
#include <utility>

#include "core/json/json_syntax_error.h"
#include "core/json/json_text.h"
#include "core/text.h"

namespace mm {
namespace {

constexpr size_t kMaxDepth = 64;

// 12 and 3e2 are integers; 3.0 and 3e-1 are not, even where their value is one.
std::optional<int64_t> exact_integer(double value, std::string_view digits) {
  constexpr double kLargestExact = 0x1p53;
  const bool has_exponent = digits.find_first_of("eE") != std::string_view::npos;
  const bool fraction = digits.find('.') != std::string_view::npos || digits.find("e-") != std::string_view::npos ||
                        digits.find("E-") != std::string_view::npos;
  if (!has_exponent || fraction || value < -kLargestExact || value > kLargestExact) return std::nullopt;
  return static_cast<int64_t>(value);
}

class TreeBuilder final : public nlohmann::json_sax<nlohmann::json> {
 public:
  TreeBuilder(std::string_view text, std::string_view where, Problems& problems)
      : text_(text), where_(where), problems_(problems) {}

  JsonTree take_root() { return std::move(root_); }

  bool null() override { return scalar(JsonTree::Kind::kNull, "null"); }
  bool boolean(bool value) override { return scalar(JsonTree::Kind::kBool, value ? "true" : "false"); }
  bool string(string_t& value) override { return scalar(JsonTree::Kind::kString, value); }
  bool number_integer(number_integer_t value) override {
    return number(static_cast<double>(value), std::to_string(value), value);
  }
  bool number_unsigned(number_unsigned_t value) override {
    const bool fits = value <= static_cast<uint64_t>(INT64_MAX);
    return number(static_cast<double>(value), std::to_string(value),
                  fits ? std::optional(static_cast<int64_t>(value)) : std::nullopt);
  }
  bool number_float(number_float_t value, const string_t& digits) override {
    return number(value, digits, exact_integer(value, digits));
  }
  // Only binary formats have these.
  bool binary(binary_t&) override { return false; }

  bool start_object(size_t) override { return open(JsonTree::Kind::kObject); }
  bool start_array(size_t) override { return open(JsonTree::Kind::kArray); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(string_t& name) override {
    Level& level = levels_.back();
    level.key = name;
    if (!level.keys.insert(name).second) {
      problems_.add(where_ + ":" + show_key(path_of(levels_.size())), "the key twice", "it once", "remove one of them");
    }
    return true;
  }

  // The token that comes with an error is not used: it may hold leftovers of earlier ones.
  bool parse_error(size_t position, const std::string&, const nlohmann::detail::exception& exception) override {
    const std::string container = levels_.empty() ? "" : path_of(levels_.size() - 1);
    const SyntaxError error = explain_syntax_error(text_, position, exception.what(), show_key(container));
    problems_.add(where_ + ":" + line_and_column(text_, error.offset), error.got, error.want, error.remedy);
    return false;
  }

 private:
  struct Level {
    JsonTree* tree;
    std::string key;
    std::unordered_set<std::string> keys;
  };

  // Pointers to open levels stay valid: a parent gets its next child only after this one is closed.
  JsonTree* add(JsonTree tree) {
    if (levels_.empty()) return &(root_ = std::move(tree));
    Level& level = levels_.back();
    if (level.tree->is(JsonTree::Kind::kArray)) return &level.tree->items.emplace_back(std::move(tree));
    level.tree->members.push_back({level.key, std::move(tree)});
    return &level.tree->members.back().value;
  }

  bool scalar(JsonTree::Kind kind, std::string text) {
    JsonTree tree;
    tree.kind = kind;
    tree.text = std::move(text);
    add(std::move(tree));
    return true;
  }

  bool number(double value, std::string digits, std::optional<int64_t> integer) {
    JsonTree tree;
    tree.kind = JsonTree::Kind::kNumber;
    tree.text = std::move(digits);
    tree.number = value;
    tree.integer = integer;
    add(std::move(tree));
    return true;
  }

  bool open(JsonTree::Kind kind) {
    if (levels_.size() == kMaxDepth) {
      problems_.add(where_ + ":" + show_key(path_of(levels_.size())), "deeper nesting",
                    format("at most %zu levels", kMaxDepth));
      return false;
    }
    JsonTree tree;
    tree.kind = kind;
    levels_.push_back({add(std::move(tree)), "", {}});
    return true;
  }

  bool close() {
    levels_.pop_back();
    return true;
  }

  // The dotted path of what the first `depth` open levels are at.
  std::string path_of(size_t depth) const {
    std::string path;
    for (size_t i = 0; i < depth; ++i) {
      const Level& level = levels_[i];
      if (level.tree->is(JsonTree::Kind::kArray)) {
        path += format("[%zu]", level.tree->items.empty() ? 0 : level.tree->items.size() - 1);
      } else {
        path = dotted(path, level.key);
      }
    }
    return path;
  }

  std::string_view text_;
  std::string where_;
  Problems& problems_;
  JsonTree root_;
  std::vector<Level> levels_;
};

}  // namespace

std::optional<JsonTree> parse_json(std::string_view text, std::string_view where, Problems& problems) {
  const std::string file(where);
  if (text.starts_with("\xef\xbb\xbf") || text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff")) {
    problems.add(file + ":1:1", "a byte order mark", "plain UTF-8", "save the file as UTF-8 without it");
    return std::nullopt;
  }
  // The parser takes a null byte for the end of the text and would not look at the rest.
  if (const size_t null = text.find('\0'); null != std::string_view::npos) {
    problems.add(file + ":" + line_and_column(text, null), "a null byte", "text",
                 "check that it is the file you meant");
    return std::nullopt;
  }
  const size_t problems_before = problems.messages().size();
  TreeBuilder builder(text, where, problems);
  const bool parsed = nlohmann::json::sax_parse(text.begin(), text.end(), &builder);
  if (!parsed || problems.messages().size() > problems_before) return std::nullopt;
  return builder.take_root();
}

const JsonTree* find_member(const JsonTree& tree, std::string_view key) {
  const auto found = std::find_if(tree.members.begin(), tree.members.end(),
                                  [&](const JsonTree::Member& member) { return member.key == key; });
  return found == tree.members.end() ? nullptr : &found->value;
}

JsonTree* find_member(JsonTree& tree, std::string_view key) {
  return const_cast<JsonTree*>(find_member(std::as_const(tree), key));
}

std::string to_json(const JsonTree& tree) {
  switch (tree.kind) {
    case JsonTree::Kind::kString:
      return quote_json(tree.text);
    case JsonTree::Kind::kArray: {
      std::vector<std::string> items;
      for (const JsonTree& item : tree.items) items.push_back(to_json(item));
      return format("[%s]", join(items, ", ").c_str());
    }
    case JsonTree::Kind::kObject: {
      std::vector<std::string> members;
      for (const auto& [key, value] : tree.members) members.push_back(quote_json(key) + ": " + to_json(value));
      return format("{%s}", join(members, ", ").c_str());
    }
    default:
      return tree.text;
  }
}

std::string show_json(const JsonTree& tree) {
  if (tree.is(JsonTree::Kind::kObject)) return "an object";
  if (tree.is(JsonTree::Kind::kArray)) return "a list";
  return tree.is(JsonTree::Kind::kString) ? show_text(tree.text) : cut_text(tree.text);
}

}  // namespace mm
