// JSON read value by value and without a tree, for hostile files of many megabytes.
#pragma once

#include <simdjson.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace mm {

/// A value of a document that is read once from its start to its end. A value knows its place in the document, so that
/// every function throws Error(kData) `<file>:<path>: got <value>, want <accepted>` when the value is of another kind.
class JsonReader {
 public:
  using VisitItem = std::function<void(JsonReader& item)>;
  using VisitMember = std::function<void(std::string_view key, JsonReader& value)>;

  /// The keys that an object must have and those that it may have.
  struct Keys {
    std::vector<std::string> required = {}, optional = {};
  };

  /// Whether the value is null.
  bool null();
  bool boolean();
  int64_t integer();
  /// The characters of a string; they live as long as the document.
  std::string_view string();
  bool is_string();

  void items(const VisitItem& visit);
  /// All keys, each at most once. A value that is not read is skipped.
  void members(const VisitMember& visit);
  /// Only the keys that are named here, the required ones at least.
  void members(const Keys& keys, const VisitMember& visit);

  [[noreturn]] void refuse(std::string_view got, std::string_view want, std::string_view remedy = "") const;
  /// As above, for a value that has not been read.
  [[noreturn]] void refuse_value(std::string_view want, std::string_view remedy = "");

 private:
  friend void read_json(std::string_view json, const std::string& file, const VisitItem& visit);

  JsonReader(simdjson::ondemand::value value, const JsonReader* parent, std::string_view key, size_t index = 0)
      : value_(value), parent_(parent), key_(key), index_(index) {}

  std::string path() const;
  std::string described();
  simdjson::ondemand::json_type type() { return value_.type(); }

  simdjson::ondemand::value value_;
  const JsonReader* parent_;  ///< null for the whole document
  std::string_view key_;      ///< of a member; the file, for the whole document
  size_t index_;              ///< of an item, which has no key
};

/// Reads a document. What `visit` throws goes through; text that is not JSON throws Error(kData) with its line.
///   file  for messages
void read_json(std::string_view json, const std::string& file, const JsonReader::VisitItem& visit);

}  // namespace mm
