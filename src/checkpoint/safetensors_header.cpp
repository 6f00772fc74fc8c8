// Header JSON to checked entries, without building a document in between: memory stays in proportion to the header.
#include "checkpoint/safetensors_header.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <unordered_set>

#include "checkpoint/largest_rank.h"
#include "core/error.h"
#include "core/json/json_text.h"

namespace mm {
namespace {

using JsonEvents = nlohmann::json;

constexpr size_t kLengthBytes = 8;
constexpr size_t kLargestHeader = 100'000'000;
constexpr size_t kMostTensors = 200'000;  // the largest model that is public has 92,000
constexpr const char* kMetadataKey = "__metadata__";
constexpr const char* kRemedy = "the file is damaged or no safetensors file; take another copy";

struct SafetensorsRow {
  SafetensorsDtype dtype;
  const char* name;
  size_t bytes;
};

constexpr SafetensorsRow kSafetensorsRows[] = {
    {SafetensorsDtype::kF64, "F64", 8},   {SafetensorsDtype::kI64, "I64", 8}, {SafetensorsDtype::kF32, "F32", 4},
    {SafetensorsDtype::kI32, "I32", 4},   {SafetensorsDtype::kF16, "F16", 2}, {SafetensorsDtype::kBF16, "BF16", 2},
    {SafetensorsDtype::kI16, "I16", 2},   {SafetensorsDtype::kI8, "I8", 1},   {SafetensorsDtype::kU8, "U8", 1},
    {SafetensorsDtype::kBool, "BOOL", 1},
};

const SafetensorsRow& safetensors_row(SafetensorsDtype dtype) {
  return *std::find_if(std::begin(kSafetensorsRows), std::end(kSafetensorsRows),
                       [&](const SafetensorsRow& row) { return row.dtype == dtype; });
}

/// The events of the one document shape there is: {name: {"dtype": s, "shape": [n..], "data_offsets": [n, n]},
/// "__metadata__": {key: text}}. Returning false stops the parser; `problem` then says why.
class HeaderEvents : public nlohmann::json_sax<JsonEvents> {
 public:
  std::vector<SafetensorsEntry> entries;
  std::map<std::string, std::string> metadata;
  std::string problem;

  bool null() override { return unexpected("null"); }
  bool boolean(bool) override { return unexpected("a boolean"); }
  bool number_integer(int64_t value) override { return unexpected(std::to_string(value)); }
  bool number_float(double, const std::string& text) override { return unexpected(show_key(text)); }
  bool binary(JsonEvents::binary_t&) override { return unexpected("binary"); }

  bool number_unsigned(uint64_t value) override {
    if (place_ != Place::kShape && place_ != Place::kOffsets) return unexpected(std::to_string(value));
    if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return unexpected(std::to_string(value));
    const size_t most = place_ == Place::kShape ? kLargestRank : 2;
    if (numbers_.size() == most) return fail("more than " + std::to_string(most) + " numbers in " + key_);
    numbers_.push_back(static_cast<int64_t>(value));
    return true;
  }

  bool string(std::string& value) override {
    if (place_ == Place::kMetadata) {
      if (!metadata.emplace(key_, value).second) return fail("the metadata key " + show_key(key_) + " twice");
      return true;
    }
    if (place_ != Place::kEntry || key_ != "dtype") return unexpected("a string");
    for (const SafetensorsRow& row : kSafetensorsRows) {
      if (value == row.name) {
        dtype_ = row.dtype;
        return true;
      }
    }
    return fail("the dtype " + show_key(value) + ", which is not one we read");
  }

  bool start_object(size_t) override {
    switch (place_) {
      case Place::kOutside:
        place_ = Place::kTop;
        return true;
      case Place::kTop:
        place_ = key_ == kMetadataKey ? Place::kMetadata : Place::kEntry;
        dtype_.reset();
        shape_.reset();
        offsets_.reset();
        return true;
      default:
        return unexpected("an object");
    }
  }

  bool key(std::string& value) override {
    key_ = value;
    if (place_ == Place::kTop) {
      name_ = value;
      return names_.insert(value).second || fail("the name twice");
    }
    if (place_ == Place::kMetadata) return true;
    const bool twice =
        (value == "dtype" && dtype_) || (value == "shape" && shape_) || (value == "data_offsets" && offsets_);
    if (twice) return fail(value + " twice");
    if (value == "dtype" || value == "shape" || value == "data_offsets") return true;
    return fail("the unknown field " + show_key(value));
  }

  bool end_object() override {
    if (place_ == Place::kEntry) {
      if (!dtype_) return fail("no dtype");
      if (!shape_) return fail("no shape");
      if (!offsets_ || offsets_->size() != 2) return fail("no pair of data_offsets");
      if (entries.size() == kMostTensors) return fail("more than " + std::to_string(kMostTensors) + " tensors");
      entries.push_back(
          {name_, *dtype_, *shape_, static_cast<size_t>((*offsets_)[0]), static_cast<size_t>((*offsets_)[1])});
    }
    place_ = place_ == Place::kTop ? Place::kOutside : Place::kTop;
    return true;
  }

  bool start_array(size_t) override {
    if (place_ != Place::kEntry || key_ == "dtype") return unexpected("an array");
    place_ = key_ == "shape" ? Place::kShape : Place::kOffsets;
    numbers_.clear();
    return true;
  }

  bool end_array() override {
    (place_ == Place::kShape ? shape_ : offsets_) = numbers_;
    place_ = Place::kEntry;
    return true;
  }

  bool parse_error(size_t position, const std::string&, const nlohmann::detail::exception&) override {
    name_.clear();
    return fail("no valid JSON at byte " + std::to_string(position) + " of the header");
  }

  /// The tensor being read, empty outside of one.
  const std::string& name() const { return name_; }

 private:
  enum class Place { kOutside, kTop, kMetadata, kEntry, kShape, kOffsets };

  bool fail(std::string what) {
    problem = std::move(what);
    return false;
  }
  bool unexpected(const std::string& what) { return fail(what + " where the format has none"); }

  Place place_ = Place::kOutside;
  std::string name_;
  std::string key_;
  std::unordered_set<std::string> names_;
  std::optional<SafetensorsDtype> dtype_;
  std::optional<std::vector<int64_t>> shape_;
  std::optional<std::vector<int64_t>> offsets_;
  std::vector<int64_t> numbers_;
};

[[noreturn]] void refuse_header(const std::string& path, std::string_view tensor, std::string_view got,
                                std::string_view want) {
  const std::string where = tensor.empty() ? path : path + ":" + show_key(tensor);
  throw Error(ExitCode::kCheckpoint, got_want(where, got, want, kRemedy));
}

std::string_view header_text(std::span<const std::byte> file, const std::string& path) {
  const std::string size = std::to_string(file.size()) + " bytes";
  if (file.size() < kLengthBytes) refuse_header(path, "", size, "at least the 8 bytes of a header length");
  uint64_t length = 0;
  for (size_t i = kLengthBytes; i-- > 0;) length = length << 8 | std::to_integer<uint64_t>(file[i]);
  if (length > kLargestHeader) {
    refuse_header(path, "", "a header of " + std::to_string(length) + " bytes",
                  "at most " + std::to_string(kLargestHeader));
  }
  if (length > file.size() - kLengthBytes) {
    refuse_header(path, "", "a header of " + std::to_string(length) + " bytes in a file of " + size, "a whole file");
  }
  const std::string_view text(reinterpret_cast<const char*>(file.data()) + kLengthBytes, length);
  if (!text.starts_with('{')) refuse_header(path, "", "a header that does not open with '{'", "a JSON object");
  // The parser takes a NUL for the end of its input.
  if (text.find('\0') != std::string_view::npos) refuse_header(path, "", "a NUL byte in the header", "a JSON object");
  return text;
}

/// Shape times dtype in bytes; nothing when that does not fit in an int64, zero-sized dimensions counted as one.
std::optional<size_t> tensor_bytes(const SafetensorsEntry& entry) {
  auto bytes = static_cast<int64_t>(dtype_bytes(entry.dtype));
  bool empty = false;
  for (const int64_t size : entry.shape) {
    empty |= size == 0;
    if (__builtin_mul_overflow(bytes, std::max<int64_t>(size, 1), &bytes)) return std::nullopt;
  }
  return empty ? 0 : static_cast<size_t>(bytes);
}

void check_layout(std::vector<SafetensorsEntry>& entries, size_t data_bytes, const std::string& path) {
  for (const SafetensorsEntry& entry : entries) {
    if (entry.begin > entry.end || entry.end > data_bytes) {
      refuse_header(path, entry.name,
                    "data_offsets " + std::to_string(entry.begin) + " to " + std::to_string(entry.end),
                    "a rising pair within the " + std::to_string(data_bytes) + " bytes of data");
    }
    const std::optional<size_t> bytes = tensor_bytes(entry);
    if (!bytes) refuse_header(path, entry.name, "a shape whose size overflows", "one that fits in memory");
    if (*bytes != entry.end - entry.begin) {
      refuse_header(path, entry.name, std::to_string(entry.end - entry.begin) + " bytes of data",
                    std::to_string(*bytes) + ", its shape times its dtype");
    }
  }
  std::stable_sort(entries.begin(), entries.end(), [](const SafetensorsEntry& a, const SafetensorsEntry& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  size_t covered = 0;
  for (const SafetensorsEntry& entry : entries) {
    if (entry.begin != covered) {
      refuse_header(path, entry.name, "data from byte " + std::to_string(entry.begin),
                    std::to_string(covered) + ": tensors lie end to end, with neither holes nor overlaps");
    }
    covered = entry.end;
  }
  if (covered != data_bytes) {
    refuse_header(path, "", std::to_string(data_bytes) + " bytes of data",
                  std::to_string(covered) + ", where the last tensor ends");
  }
}

}  // namespace

const char* dtype_name(SafetensorsDtype dtype) {
  return safetensors_row(dtype).name;
}

size_t dtype_bytes(SafetensorsDtype dtype) {
  return safetensors_row(dtype).bytes;
}

SafetensorsHeader read_safetensors_header(std::span<const std::byte> file, const std::string& path) {
  const std::string_view text = header_text(file, path);
  HeaderEvents events;
  if (!JsonEvents::sax_parse(text.begin(), text.end(), &events)) {
    refuse_header(path, events.name(), events.problem, "a safetensors header");
  }
  SafetensorsHeader header{std::move(events.entries), std::move(events.metadata), kLengthBytes + text.size()};
  check_layout(header.entries, file.size() - header.data_start, path);
  return header;
}

}  // namespace mm
