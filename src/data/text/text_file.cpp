// Walks over the mapped file; what a record is and says, its format knows.
#include "data/text/text_file.h"

#include <algorithm>
#include <filesystem>

#include "core/error.h"
#include "core/text.h"
#include "data/text/files/text_paths.h"
#include "data/text/files/unpacked.h"
#include "tokenizer/tokenizer.h"

namespace mm {
namespace {

constexpr size_t kExamples = 10;

const std::string& existing(const std::string& path) {
  const PathKind kind = path_kind(path, ExitCode::kData);
  if (kind == PathKind::kFile) return path;
  if (kind == PathKind::kOther) {
    throw Error(ExitCode::kData, got_want(path, "a pipe or device", "a file, which can be read again",
                                          "write what comes out of it to a file first"));
  }
  std::error_code ignored;
  const std::string looked_at = std::filesystem::absolute(path, ignored).lexically_normal().string();
  throw Error(ExitCode::kData, got_want(path, "no file at " + looked_at, "a JSONL file with a \"text\" in each line",
                                        kWhereTextComesFrom));
}

}  // namespace

TextCounts& TextCounts::operator+=(const TextCounts& other) {
  documents += other.documents;
  text_bytes += other.text_bytes;
  empty_texts += other.empty_texts;
  special_tokens += other.special_tokens;
  bad_lines += other.bad_lines;
  lone_surrogates += other.lone_surrogates;
  for (const std::string& example : other.examples) {
    if (examples.size() < kExamples) examples.push_back(example);
  }
  return *this;
}

TextFile::TextFile(const std::string& path, const Reading& reading)
    : path_(path),
      file_(unpacked(existing(path), reading.cache), ExitCode::kData),
      reading_(reading),
      format_(recognize_format(path, content(), reading)) {}

std::string_view TextFile::content() const {
  return {reinterpret_cast<const char*>(bytes().data()), bytes().size()};
}

/// Calls `on_record` with where each record begins and what it says.
template <class OnRecord>
void TextFile::for_records(size_t begin, size_t end, const OnRecord& on_record) const {
  const std::string_view all = content();
  const std::unique_ptr<RecordReader> reader = format_->reader();
  if (begin == 0) begin = format_->first_record(all);
  for (size_t record = begin; record < end;) {
    const size_t next = format_->record_end(all, record);
    on_record(record, reader->read(all.substr(record, next - record), all.size() - next));
    record = next;
  }
}

TextCounts TextFile::visit(size_t begin, size_t end, const VisitText& on_text, EmptyTexts empty_texts) const {
  TextCounts counts;
  for_records(begin, end, [&](size_t record, RecordText said) {
    if (said.blank) return;
    const int64_t special_tokens = look_for_special_tokens(said);
    if (!said.problem.empty()) {
      if (!reading_.skip_bad_lines) fail(record, said.problem);
      ++counts.bad_lines[said.kind];
      if (counts.examples.size() < kExamples) counts.examples.push_back(describe(record, said.problem));
      return;
    }
    if (said.text.empty()) {
      ++counts.empty_texts;
    } else {
      ++counts.documents;
      counts.text_bytes += static_cast<int64_t>(said.text.size());
      counts.lone_surrogates += said.lone_surrogates;
      counts.special_tokens += special_tokens;
    }
    if (!said.text.empty() || empty_texts == EmptyTexts::kVisit) on_text({.text = said.text, .marks = said.marks});
  });
  return counts;
}

/// Counts their names in a text, but for marks; one that is to have none becomes a bad line.
int64_t TextFile::look_for_special_tokens(RecordText& said) const {
  int64_t special_tokens = 0;
  if (!said.problem.empty() || reading_.tokenizer == nullptr || token_bytes() > 0) return special_tokens;
  for_pieces({.text = said.text, .marks = said.marks}, [&](std::string_view piece, bool is_mark) {
    if (!is_mark) special_tokens += reading_.tokenizer->count_control_names(piece);
  });
  if (special_tokens == 0 || reading_.special_tokens != SpecialTokensInText::kReject) return special_tokens;
  said.kind = BadLine::kControlName;
  said.problem = "a text with " + with_commas(special_tokens) +
                 (special_tokens == 1 ? " name of a control token" : " names of control tokens") +
                 ", which data.special_tokens=reject refuses";
  return special_tokens;
}

std::vector<size_t> TextFile::cut(size_t part_bytes) const {
  const std::string_view all = content();
  std::vector<size_t> ends;
  for (size_t begin = 0; begin < all.size(); begin = ends.back()) {
    const size_t target = begin + part_bytes;
    if (format_->is_by_line()) {
      const size_t line_end = target < all.size() ? all.find('\n', target - 1) : std::string_view::npos;
      ends.push_back(line_end == std::string_view::npos ? all.size() : line_end + 1);
      continue;
    }
    size_t end = begin == 0 ? format_->first_record(all) : begin;
    do end = format_->record_end(all, std::min(end, all.size()));
    while (end < target && end < all.size());
    ends.push_back(end);
  }
  return ends;
}

/// `a.jsonl:17: got no "text"`; of a file of tokens it is the number of the first one.
std::string TextFile::describe(size_t record, const std::string& problem) const {
  const std::string_view all = content();
  if (token_bytes() > 0) {
    const size_t token = (record - format_->first_record(all)) / token_bytes();
    return path() + ":token " + std::to_string(token) + ": got " + problem;
  }
  const auto number = 1 + std::count(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(record), '\n');
  return path() + ":" + std::to_string(number) + ": got " + problem;
}

void TextFile::fail(size_t first, const std::string& problem) const {
  int64_t bad = 0, all = 0;
  for_records(0, bytes().size(), [&](size_t, RecordText said) {
    if (said.blank) return;
    ++all;
    look_for_special_tokens(said);
    bad += !said.problem.empty();
  });
  throw Error(ExitCode::kData,
              describe(first, problem) + ", want " + format_->wanted() +
                  format(" (%s of %s records %s bad; data.bad_lines=skip passes over %s)", with_commas(bad).c_str(),
                         with_commas(all).c_str(), bad == 1 ? "is" : "are", bad == 1 ? "it" : "them"));
}

}  // namespace mm
