// JSON goes through simdjson; what it refuses, and long lines, for which it would take seven times their size, through
// a reader of our own.
#include "data/text/text_format.h"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>
#include <vector>

#include "core/characters/utf8.h"
#include "core/characters/visible_text.h"
#include "core/error.h"
#include "core/json/json_text.h"
#include "core/text.h"
#include "data/text/files/unpacked.h"
#include "data/text/foreign_file.h"
#include "data/text/json_line.h"
#include "data/text/token_format.h"

namespace mm {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::string_view kSpace = " \t\r\n";

size_t behind_mark(std::string_view file) {
  return file.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0;
}

bool is_blank(std::string_view record) {
  return record.find_first_not_of(kSpace) == std::string_view::npos;
}

class ObjectReader final : public RecordReader {
 public:
  explicit ObjectReader(std::string text_key) : key_(std::move(text_key)) {}

  RecordText read(std::string_view record, size_t readable_behind) override {
    constexpr size_t kLong = size_t{1} << 20;
    if (is_blank(record)) return {.text = {}, .blank = true};
    if (record.size() <= kLong) {
      // simdjson reads a few bytes past the end of what it parses.
      const bool copy = readable_behind < simdjson::SIMDJSON_PADDING;
      if (const auto text = quickly(parser_.parse(record.data(), record.size(), copy))) return {.text = *text};
    }
    line_ = read_json_line(record, key_);
    return {.text = line_.text,
            .lone_surrogates = line_.lone_surrogates,
            .problem = line_.problem,
            .kind = line_.kind,
            .marks = line_.marks};
  }

 private:
  /// The text where nothing is unusual.
  std::optional<std::string_view> quickly(const simdjson::simdjson_result<simdjson::dom::element>& parsed) const {
    simdjson::dom::object object;
    if (parsed.get(object) != simdjson::SUCCESS) return {};
    std::optional<std::string_view> text;
    for (const auto& [key, value] : object) {
      if (key != key_) continue;
      std::string_view found;
      if (text || value.get(found) != simdjson::SUCCESS) return {};
      text = found;
    }
    return text;
  }

  std::string key_;
  simdjson::dom::parser parser_;
  JsonLineText line_;
};

std::string wanted_object(const std::string& text_key) {
  return "a line such as {" + show_text(text_key) + ": \"...\"}";
}

class JsonLines final : public TextFormat {
 public:
  explicit JsonLines(const Reading& reading) : key_(reading.text_key) {}

  size_t first_record(std::string_view file) const override { return behind_mark(file); }
  size_t record_end(std::string_view file, size_t begin) const override {
    return std::min(file.find('\n', begin), file.size() - 1) + 1;
  }
  bool is_by_line() const override { return true; }
  std::unique_ptr<RecordReader> reader() const override { return std::make_unique<ObjectReader>(key_); }
  std::string wanted() const override { return wanted_object(key_); }

 private:
  std::string key_;
};

/// `[{"text": "..."}, ...]`: a record is an object with the comma or bracket behind it.
class JsonArray final : public TextFormat {
 public:
  explicit JsonArray(const Reading& reading) : key_(reading.text_key) {}

  size_t first_record(std::string_view file) const override { return file.find('[') + 1; }
  size_t record_end(std::string_view file, size_t begin) const override {
    int64_t depth = 0;
    for (size_t at = begin; at < file.size(); ++at) {
      const char c = file[at];
      if (c == '"') {
        at = end_of_string(file, at);
      } else if (c == '{' || c == '[') {
        ++depth;
      } else if (c == '}' || c == ']') {
        if (depth == 0) return file.size();  // behind the array there is only space
        --depth;
      } else if (c == ',' && depth == 0) {
        return at + 1;
      }
    }
    return file.size();
  }
  std::unique_ptr<RecordReader> reader() const override { return std::make_unique<Reader>(key_); }
  std::string wanted() const override { return "an array of objects such as {" + show_text(key_) + ": \"...\"}"; }

 private:
  class Reader final : public RecordReader {
   public:
    explicit Reader(const std::string& key) : objects_(key) {}
    RecordText read(std::string_view record, size_t) override {
      const size_t end = record.find_last_not_of(kSpace);
      const bool separated = end != std::string_view::npos && (record[end] == ',' || record[end] == ']');
      return objects_.read(separated ? record.substr(0, end) : record, 0);
    }

   private:
    ObjectReader objects_;
  };

  static size_t end_of_string(std::string_view file, size_t quote) {
    for (size_t at = quote + 1; at < file.size(); ++at) {
      if (file[at] == '\\') {
        ++at;
      } else if (file[at] == '"') {
        return at;
      }
    }
    return file.size();
  }

  std::string key_;
};

/// The fields of a CSV record, quotes removed. Source: RFC 4180.
std::vector<std::string> csv_fields(std::string_view record, char separator) {
  std::vector<std::string> fields(1);
  for (size_t at = 0; at < record.size(); ++at) {
    const char c = record[at];
    if (c == '"' && fields.back().empty()) {
      while (++at < record.size()) {
        if (record[at] != '"') {
          fields.back().push_back(record[at]);
        } else if (at + 1 < record.size() && record[at + 1] == '"') {
          fields.back().push_back(record[++at]);
        } else {
          break;
        }
      }
    } else if (c == separator) {
      fields.emplace_back();
    } else {
      fields.back().push_back(c);
    }
  }
  return fields;
}

/// A header, then a record a line, but for line breaks between quotes.
class Csv final : public TextFormat {
 public:
  Csv(const std::string& path, std::string_view file, const Reading& reading, char separator)
      : separator_(separator), key_(reading.text_key) {
    const size_t begin = behind_mark(file), end = record_end(file, begin);
    const std::vector<std::string> names = csv_fields(without_break(file.substr(begin, end - begin)), separator_);
    const auto found = std::find(names.begin(), names.end(), key_);
    if (found == names.end()) {
      throw Error(ExitCode::kData, got_want(path + ":1", "columns " + cut_text(visible_text(join(names, ", "))),
                                            "a column " + show_text(key_) + " among them",
                                            "data.text_key names the column that is the text"));
    }
    columns_ = names.size();
    column_ = static_cast<size_t>(found - names.begin());
    header_end_ = end;
  }

  size_t first_record(std::string_view) const override { return header_end_; }
  size_t record_end(std::string_view file, size_t begin) const override {
    bool quoted = false;
    for (size_t at = begin; at < file.size(); ++at) {
      if (file[at] == '"') quoted = !quoted;
      if (file[at] == '\n' && !quoted) return at + 1;
    }
    return file.size();
  }
  std::unique_ptr<RecordReader> reader() const override { return std::make_unique<Reader>(*this); }
  std::string wanted() const override { return format("%zu columns as in the header", columns_); }

 private:
  class Reader final : public RecordReader {
   public:
    explicit Reader(const Csv& csv) : csv_(csv) {}
    RecordText read(std::string_view record, size_t) override {
      if (is_blank(record)) return {.text = {}, .blank = true};
      fields_ = csv_fields(without_break(record), csv_.separator_);
      if (fields_.size() != csv_.columns_) {
        return {.text = {}, .problem = format("%zu columns", fields_.size()), .kind = BadLine::kColumns};
      }
      const std::string& text = fields_[csv_.column_];
      if (!is_utf8(text)) return {.text = {}, .problem = "invalid UTF-8", .kind = BadLine::kEncoding};
      return {.text = text};
    }

   private:
    const Csv& csv_;
    std::vector<std::string> fields_;
  };

  static std::string_view without_break(std::string_view record) {
    while (record.ends_with('\n') || record.ends_with('\r')) record.remove_suffix(1);
    return record;
  }

  char separator_;
  std::string key_;
  size_t columns_ = 0, column_ = 0, header_end_ = 0;
};

/// Documents as they are, with a line of `<|endoftext|>` between two of them.
class PlainText final : public TextFormat {
 public:
  size_t first_record(std::string_view file) const override { return behind_mark(file); }
  size_t record_end(std::string_view file, size_t begin) const override {
    const size_t separator = file.find(kSeparator, begin);
    return separator == std::string_view::npos ? file.size() : separator + kSeparator.size();
  }
  std::unique_ptr<RecordReader> reader() const override { return std::make_unique<Reader>(); }
  std::string wanted() const override { return "text in UTF-8"; }

 private:
  static constexpr std::string_view kSeparator = "<|endoftext|>";

  class Reader final : public RecordReader {
   public:
    RecordText read(std::string_view record, size_t) override {
      if (record.ends_with(kSeparator)) record.remove_suffix(kSeparator.size());
      while (record.starts_with('\n') || record.starts_with('\r')) record.remove_prefix(1);
      while (record.ends_with('\n') || record.ends_with('\r')) record.remove_suffix(1);
      if (record.empty()) return {.text = {}, .blank = true};
      if (!is_utf8(record)) return {.text = {}, .problem = "invalid UTF-8", .kind = BadLine::kEncoding};
      return {.text = record};
    }
  };
};

}  // namespace

std::unique_ptr<TextFormat> recognize_format(const std::string& path, std::string_view file, const Reading& reading) {
  if (auto tokens = recognize_tokens(path, file, reading)) return tokens;
  if (const ForeignFile foreign = recognize_foreign(path, file); !foreign.what.empty()) {
    throw Error(ExitCode::kData,
                got_want(path, foreign.what, "JSON Lines, a JSON array, CSV or plain text in UTF-8", foreign.remedy));
  }
  const std::string ending = std::filesystem::path(unpacked_name(path)).extension().string();
  if (ending == ".txt" || ending == ".text" || ending == ".md") return std::make_unique<PlainText>();
  if (ending == ".csv") return std::make_unique<Csv>(path, file, reading, ',');
  if (ending == ".tsv") return std::make_unique<Csv>(path, file, reading, '\t');
  const size_t first = file.find_first_not_of(kSpace, behind_mark(file));
  if (first != std::string_view::npos && file[first] == '[') {
    // A line may be a list as well; then there is another one behind it.
    const size_t second = file.find_first_not_of(kSpace, first + 1);
    if (second != std::string_view::npos && (file[second] == '{' || file[second] == ']')) {
      return std::make_unique<JsonArray>(reading);
    }
  }
  return std::make_unique<JsonLines>(reading);
}

}  // namespace mm
