// Reads the "text" of JSONL lines straight from the mapped file with simdjson.
#include "data/jsonl.h"

#include <simdjson.h>

#include <algorithm>
#include <filesystem>

#include "core/error.h"
#include "core/text.h"

namespace mm {
namespace {

constexpr std::string_view kWanted = "a line such as {\"text\": \"...\"}";
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

const std::string& existing(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_regular_file(path, ignored)) return path;
  const std::string looked_at = std::filesystem::absolute(path, ignored).lexically_normal().string();
  throw Error(ExitCode::kData,
              got_want(path, "no file at " + looked_at, "a JSONL file with a \"text\" in each line",
                       "scripts/get_corpus.sh makes data/corpus/*.jsonl; or name your own file in data.train"));
}

const char* name_of(simdjson::dom::element_type type) {
  switch (type) {
    case simdjson::dom::element_type::ARRAY:
      return "a list";
    case simdjson::dom::element_type::OBJECT:
      return "an object";
    case simdjson::dom::element_type::BOOL:
      return "true or false";
    case simdjson::dom::element_type::NULL_VALUE:
      return "null";
    case simdjson::dom::element_type::STRING:
      return "a string";
    default:
      return "a number";
  }
}

/// The "text" of one parsed line, or what is wrong with it in `problem`.
std::string_view text_of(const simdjson::simdjson_result<simdjson::dom::element>& parsed, std::string& problem) {
  simdjson::dom::element line;
  switch (parsed.get(line)) {
    case simdjson::SUCCESS:
      break;
    case simdjson::UTF8_ERROR:
      problem = "invalid UTF-8";
      return {};
    case simdjson::CAPACITY:
    case simdjson::MEMALLOC:
      problem = "a line that does not fit into memory";
      return {};
    default:
      problem = "bad JSON";
      return {};
  }
  if (!line.is_object()) {
    problem = name_of(line.type());
    return {};
  }
  simdjson::dom::element text;
  if (line["text"].get(text) != simdjson::SUCCESS) {
    problem = "no \"text\"";
    return {};
  }
  std::string_view value;
  if (text.get(value) != simdjson::SUCCESS) problem = std::string(name_of(text.type())) + " for \"text\"";
  return value;
}

}  // namespace

JsonlCounts& JsonlCounts::operator+=(const JsonlCounts& other) {
  documents += other.documents;
  text_bytes += other.text_bytes;
  empty_texts += other.empty_texts;
  return *this;
}

JsonlFile::JsonlFile(const std::string& path) : file_(existing(path), ExitCode::kData) {}

std::string_view JsonlFile::content() const {
  return {reinterpret_cast<const char*>(bytes().data()), bytes().size()};
}

JsonlCounts JsonlFile::visit(size_t begin, size_t end, const VisitText& on_text, EmptyTexts empty_texts) const {
  const std::string_view all = content();
  JsonlCounts counts;
  simdjson::dom::parser parser;
  std::string problem;
  if (begin == 0 && all.starts_with(kByteOrderMark)) begin = kByteOrderMark.size();
  for (size_t start = begin; start < end;) {
    const size_t stop = std::min(all.find('\n', start), end);
    const std::string_view line = all.substr(start, stop - start);
    if (line.find_first_not_of(" \t\r") != std::string_view::npos) {
      // simdjson reads a few bytes past the end of what it parses: in the last line these would lie outside the map.
      const bool copy = all.size() - stop < simdjson::SIMDJSON_PADDING;
      const std::string_view text = text_of(parser.parse(line.data(), line.size(), copy), problem);
      if (!problem.empty()) {
        const auto number = 1 + std::count(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(start), '\n');
        throw Error(ExitCode::kData, got_want(path() + ":" + std::to_string(number), problem, kWanted));
      }
      if (text.empty()) {
        ++counts.empty_texts;
      } else {
        ++counts.documents;
        counts.text_bytes += static_cast<int64_t>(text.size());
      }
      if (!text.empty() || empty_texts == EmptyTexts::kVisit) on_text(text);
    }
    start = stop + 1;
  }
  return counts;
}

std::vector<size_t> JsonlFile::cut(size_t part_bytes) const {
  const std::string_view all = content();
  std::vector<size_t> ends;
  for (size_t begin = 0; begin < all.size(); begin = ends.back()) {
    const size_t target = begin + part_bytes;
    const size_t line_end = target < all.size() ? all.find('\n', target - 1) : std::string_view::npos;
    ends.push_back(line_end == std::string_view::npos ? all.size() : line_end + 1);
  }
  return ends;
}

}  // namespace mm
