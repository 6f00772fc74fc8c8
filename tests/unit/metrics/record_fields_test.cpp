// The tables of names: each name once, and whatever a run wrote under them is read back under them.
#include "metrics/record_fields.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "core/files/files.h"
#include "metrics/jsonl_sink.h"
#include "tests/unit/core/temp_folder.h"

namespace mm {
namespace {

/// One that has something else under every name.
template <class Record>
Record numbered() {
  Record record;
  int next = 2;
  for (const NumberField<Record>& field : number_fields<Record>()) {
    if (auto* number = std::get_if<double Record::*>(&field.value)) record.** number = next++ + 0.25;
    if (auto* count = std::get_if<int64_t Record::*>(&field.value)) record.** count = next++;
    if (auto* truth = std::get_if<bool Record::*>(&field.value)) record.** truth = true;
  }
  return record;
}

template <class Record>
Record read_back(const std::string& metrics, const std::string& timing) {
  Record record;
  for (const auto& [file, text] : {std::pair(MetricFile::kMetrics, metrics), std::pair(MetricFile::kTiming, timing)}) {
    const auto line = nlohmann::json::parse(text);
    read_numbers(
        file,
        [&line = line](const char* key) -> std::optional<double> {
          if (!line.contains(key)) return std::nullopt;
          return line[key].is_boolean() ? (line[key].template get<bool>() ? 1.0 : 0.0)
                                        : line[key].template get<double>();
        },
        record);
  }
  return record;
}

template <class Record>
void expect_same_numbers(const Record& got, const Record& want) {
  for (const NumberField<Record>& field : number_fields<Record>()) {
    double number = 0;
    with_value(field, want, [&](auto value) { number = static_cast<double>(value); });
    with_value(field, got, [&](auto value) { EXPECT_EQ(static_cast<double>(value), number) << field.key; });
  }
}

template <class Record>
class RecordFields : public testing::Test {};
using Records = testing::Types<StepRecord, EvaluationRecord>;
TYPED_TEST_SUITE(RecordFields, Records);

TYPED_TEST(RecordFields, EveryNumberOfARecordIsReadBackFromWhatWasWritten) {
  const TempFolder folder;
  const auto record = numbered<TypeParam>();
  JsonlSink(folder.path(), 0).write(record);
  expect_same_numbers(read_back<TypeParam>(read_file(folder / "metrics.jsonl", ExitCode::kData),
                                           read_file(folder / "timing.jsonl", ExitCode::kData)),
                      record);
}

TEST(RecordNames, NoNameIsThereTwice) {
  std::set<std::string> keys, tags;
  for (const NumberField<StepRecord>& field : number_fields<StepRecord>()) {
    EXPECT_TRUE(keys.insert(field.key).second) << field.key;
    EXPECT_TRUE(field.tag == nullptr || tags.insert(field.tag).second) << field.tag;
  }
  for (const NumberField<EvaluationRecord>& field : number_fields<EvaluationRecord>()) {
    EXPECT_TRUE(field.tag == nullptr || tags.insert(field.tag).second) << field.tag;
  }
  EXPECT_STREQ(key_of(&StepRecord::grad_norm), "grad_norm");
  EXPECT_STREQ(field_of(&tokens_per_second).key, "tokens_per_second");
}

TEST(RecordNames, WhatARunDoesNotHaveIsShownByNobody) {
  const StepRecord nothing;
  EXPECT_FALSE(shown_number(field_of(&StepRecord::z_loss), nothing));
  EXPECT_FALSE(shown_number(field_of(&tokens_per_second), nothing));
  EXPECT_EQ(shown_number(field_of(&StepRecord::loss), nothing), 0.0);
}

}  // namespace
}  // namespace mm
