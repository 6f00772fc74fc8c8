// simdjson's on-demand parser with paths, kinds and keys checked.
#include "core/json/json_reader.h"

#include <algorithm>
#include <unordered_set>

#include "core/error.h"
#include "core/json/json_text.h"
#include "core/text.h"

namespace mm {
namespace {

using simdjson::ondemand::json_type;

std::string remedy_for_unknown(std::string_view key, const JsonReader::Keys& keys) {
  std::vector<std::string> known = keys.required;
  known.insert(known.end(), keys.optional.begin(), keys.optional.end());
  const std::string nearest = nearest_name(key, known);
  return nearest.empty() ? "it may change the tokens in a way that is not known here" : "did you mean " + nearest + "?";
}

[[noreturn]] void refuse_text(const std::string& where, simdjson::error_code error) {
  constexpr std::string_view kWanted = "a JSON object";
  if (error == simdjson::MEMALLOC) throw std::bad_alloc();
  if (error == simdjson::SCALAR_DOCUMENT_AS_VALUE) {
    throw Error(ExitCode::kData, got_want(where, "a single word or number", kWanted));
  }
  throw Error(ExitCode::kData, got_want(where, "text that is not JSON", kWanted,
                                        std::string("the parser says: ") + simdjson::error_message(error)));
}

/// Where `document` stands in `json`, or null when it is at the end.
const char* location_in(simdjson::ondemand::document& document) {
  const char* location = nullptr;
  return document.current_location().get(location) == simdjson::SUCCESS ? location : nullptr;
}

std::string place_of(std::string_view json, simdjson::ondemand::document& document, const std::string& file) {
  const char* location = location_in(document);
  const char* end = location ? location : json.data() + json.size();
  return format("%s:%td", file.c_str(), std::count(json.data(), end, '\n') + 1);
}

}  // namespace

bool JsonReader::null() {
  return type() == json_type::null && value_.is_null();
}

bool JsonReader::is_string() {
  return type() == json_type::string;
}

bool JsonReader::boolean() {
  if (type() != json_type::boolean) refuse_value("true or false");
  return value_.get_bool();
}

int64_t JsonReader::integer() {
  int64_t integer = 0;
  if (type() != json_type::number || value_.get_int64().get(integer) != simdjson::SUCCESS) refuse_value("an integer");
  return integer;
}

std::string_view JsonReader::string() {
  if (!is_string()) refuse_value("a string");
  return value_.get_string();
}

void JsonReader::items(const VisitItem& visit) {
  if (type() != json_type::array) refuse_value("a list");
  size_t index = 0;
  for (auto item : value_.get_array()) {
    JsonReader reader(item.value(), this, {}, index++);
    visit(reader);
  }
}

void JsonReader::members(const VisitMember& visit) {
  if (type() != json_type::object) refuse_value("an object");
  std::unordered_set<std::string_view> seen;
  for (auto member : value_.get_object()) {
    const std::string_view key = member.unescaped_key();
    JsonReader reader(member.value(), this, key);
    if (!seen.insert(key).second) reader.refuse("the key twice", "it once", "remove one of them");
    visit(key, reader);
  }
}

void JsonReader::members(const Keys& keys, const VisitMember& visit) {
  std::unordered_set<std::string_view> seen;
  members([&](std::string_view key, JsonReader& value) {
    const auto is_key = [&](const std::vector<std::string>& list) { return std::ranges::count(list, key) > 0; };
    if (!is_key(keys.required) && !is_key(keys.optional)) {
      value.refuse("an unknown key", "one of those that byte-level BPE has", remedy_for_unknown(key, keys));
    }
    seen.insert(key);
    visit(key, value);
  });
  for (const std::string& key : keys.required) {
    if (!seen.contains(key)) refuse("no key " + key, "it", "the file is incomplete");
  }
}

void JsonReader::refuse(std::string_view got, std::string_view want, std::string_view remedy) const {
  throw Error(ExitCode::kData, got_want(path(), got, want, remedy));
}

void JsonReader::refuse_value(std::string_view want, std::string_view remedy) {
  refuse(described(), want, remedy);
}

std::string JsonReader::path() const {
  if (!parent_) return std::string(key_);
  if (key_.data() == nullptr) return parent_->path() + format("[%zu]", index_);
  return parent_->path() + (parent_->parent_ ? "." : ":") + show_key(key_);
}

std::string JsonReader::described() {
  switch (type()) {
    case json_type::array:
      return "a list";
    case json_type::string:
      return show_text(value_.get_string());
    case json_type::object: {
      std::string_view kind;
      const bool typed = value_.find_field("type").get_string().get(kind) == simdjson::SUCCESS;
      return typed ? "an object of type " + show_text(kind) : "an object";
    }
    default: {
      // Not parsed yet: a digit, a letter or a minus sign, and any bytes behind it.
      const std::string_view token = value_.raw_json_token();
      return show_key(token.substr(0, token.find_last_not_of(" \t\r\n") + 1));
    }
  }
}

void read_json(std::string_view json, const std::string& file, const JsonReader::VisitItem& visit) {
  if (json.starts_with("\xEF\xBB\xBF")) {
    throw Error(ExitCode::kData, got_want(file, "a byte order mark", "plain UTF-8", "save the file without it"));
  }
  const simdjson::padded_string padded(json);
  simdjson::ondemand::parser parser;
  simdjson::ondemand::document document;
  if (const auto error = parser.iterate(padded).get(document)) refuse_text(file, error);
  try {
    JsonReader reader(document.get_value(), nullptr, file);
    visit(reader);
    if (location_in(document)) refuse_text(place_of(padded, document, file), simdjson::TRAILING_CONTENT);
  } catch (const simdjson::simdjson_error& error) {
    refuse_text(place_of(padded, document, file), error.error());
  }
}

}  // namespace mm
