// What the numbers of a record are called, once: by metrics.jsonl, by timing.jsonl and by who reads them back, by
// TensorBoard, and by the CSV file of a page. A new number is a member of its record and a line in the tables of
// record_fields.cpp.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include "metrics/record.h"

namespace mm {

enum class MetricFile { kMetrics, kTiming };

/// A number of a `Record`.
template <class Record>
struct NumberField {
  /// One of the last kind follows from the others, so that it is not read back.
  using Value = std::variant<double Record::*, int64_t Record::*, bool Record::*, double (*)(const Record&)>;

  const char* key;  ///< in its file
  Value value;
  const char* tag = nullptr;  ///< TensorBoard's; null: not there
  MetricFile file = MetricFile::kMetrics;
  double none = std::numeric_limits<double>::quiet_NaN();  ///< says that a run has no such thing: drawn by nobody
  bool (*is_written)(const Record&) = nullptr;             ///< to its file; null: always
};

/// A number for each MoE layer. Written where it is not empty.
template <class Record>
struct LayerField {
  const char* key;
  std::vector<double> Record::*values;
  bool in_tensorboard = false;  ///< as `router/layer_<number in the model>/<key>`
};

/// In the order of the files. Of StepRecord and EvaluationRecord.
template <class Record>
std::span<const NumberField<Record>> number_fields();
template <>
std::span<const NumberField<StepRecord>> number_fields();
template <>
std::span<const NumberField<EvaluationRecord>> number_fields();

/// In the order of the file. Of RouterNumbers and RouterRecord.
template <class Record>
std::span<const LayerField<Record>> layer_fields();
template <>
std::span<const LayerField<RouterNumbers>> layer_fields();
template <>
std::span<const LayerField<RouterRecord>> layer_fields();

/// 0 when unknown.
double tokens_per_second(const StepRecord& record);
/// Of the (token, expert) pairs, over all layers; 0 for a dense model.
double dropped_share(const StepRecord& record);

/// Which layer of the model the first row of an array over MoE layers is of; not written where it is 0.
inline constexpr char kFirstLayerKey[] = "first_moe_layer";
/// Keys of a step's line that are more than a number.
inline constexpr char kExpertTokensKey[] = "expert_tokens";
inline constexpr char kDroppedKey[] = "dropped";
inline constexpr char kVerdictKey[] = "verdict";

/// Calls `take` with the value as the type that it has.
template <class Record, class Take>
void with_value(const NumberField<Record>& field, const Record& record, const Take& take) {
  std::visit(
      [&](auto member) {
        if constexpr (std::is_member_pointer_v<decltype(member)>) {
          take(record.*member);
        } else {
          take(member(record));
        }
      },
      field.value);
}

/// Nothing where the run has no such thing.
template <class Record>
std::optional<double> shown_number(const NumberField<Record>& field, const Record& record) {
  double number = 0;
  with_value(field, record, [&](auto value) { number = static_cast<double>(value); });
  return number == field.none ? std::nullopt : std::optional(number);
}

/// Of one value. One that no table has is a bug.
template <class Record>
const NumberField<Record>& field_with(const typename NumberField<Record>::Value& value) {
  const auto fields = number_fields<Record>();
  size_t at = 0;
  while (fields[at].value != value) ++at;
  return fields[at];
}

template <class Record, class Member>
const NumberField<Record>& field_of(Member Record::*member) {
  return field_with<Record>(member);
}
template <class Record>
const NumberField<Record>& field_of(double (*value)(const Record&)) {
  return field_with<Record>(value);
}

template <class Record, class Member>
const char* key_of(Member Record::*member) {
  return field_of(member).key;
}

/// Takes from a line of `file` what `find(key)` has of it: an optional<double>, true as 1 and null as NaN. The rest of
/// `record` stays as it is.
template <class Record, class Find>
void read_numbers(MetricFile file, const Find& find, Record& record) {
  for (const NumberField<Record>& field : number_fields<Record>()) {
    if (field.file != file) continue;
    const std::optional<double> found = find(field.key);
    if (!found) continue;
    if (auto* number = std::get_if<double Record::*>(&field.value)) record.** number = *found;
    if (auto* truth = std::get_if<bool Record::*>(&field.value)) record.** truth = *found == 1;
    constexpr double kMost = 9007199254740992;  // beyond it a double skips integers
    if (auto* count = std::get_if<int64_t Record::*>(&field.value); count != nullptr && std::fabs(*found) <= kMost) {
      record.** count = static_cast<int64_t>(*found);
    }
  }
}

}  // namespace mm
