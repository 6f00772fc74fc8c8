// TensorBoard event files, read back byte by byte: framing, checksums, and what is left of them after a crash.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <random>
#include <set>

#include "core/files/files.h"
#include "core/text.h"
#include "tests/unit/core/temp_folder.h"
#include "view/tensorboard/crc32c.h"
#include "view/tensorboard/event.h"
#include "view/tensorboard/event_file.h"
#include "view/tensorboard/tensorboard_sink.h"

namespace mm {
namespace {

namespace fs = std::filesystem;

/// The event files of a run in the order in which TensorBoard reads them.
std::vector<std::string> event_files(const std::string& run) {
  std::vector<std::string> paths;
  for (const auto& entry : fs::directory_iterator(run + "/tensorboard")) paths.push_back(entry.path().string());
  std::sort(paths.begin(), paths.end());
  return paths;
}

std::string text_of(const std::string& path) {
  return read_file(path, ExitCode::kData);
}

struct Scan {
  std::vector<int64_t> steps;  ///< of the intact records
  size_t left_bytes = 0;       ///< behind the last of them
};

Scan scan(std::string_view bytes) {
  Scan result;
  while (const auto event = take_record(bytes)) result.steps.push_back(event_step(*event));
  result.left_bytes = bytes.size();
  return result;
}

StepRecord step_record(int64_t step) {
  StepRecord record;
  record.step = step;
  record.tokens = 100;
  record.loss = 5;
  record.seconds = 0.5;
  record.load = {2, 4, {25, 25, 25, 25, 100, 0, 0, 0}};
  return record;
}

void train(const std::string& run, int64_t first, int64_t last) {
  TensorboardSink sink(MetricsConfig{}, run, first - 1);
  for (int64_t step = first; step <= last; ++step) sink.write(step_record(step));
}

/// How often each step's summary stands in the run's files.
std::map<int64_t, int> step_counts(const std::string& run) {
  std::map<int64_t, int> counts;
  for (const std::string& path : event_files(run)) {
    const Scan scanned = scan(text_of(path));
    // The first two records of a file are its version and the start of a session.
    for (size_t i = 2; i < scanned.steps.size(); ++i) ++counts[scanned.steps[i]];
  }
  return counts;
}

TEST(Crc32c, GivesTheStandardsNumbers) {
  // RFC 3720, appendix B.4.
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43u);
  EXPECT_EQ(crc32c("123456789"), 0xe3069283u);
}

TEST(EventFile, AnEmptyRecordIsFramedAsTensorFlowDoes) {
  // Length 0, masked CRC of eight zero bytes; no data, masked CRC of nothing.
  EXPECT_EQ(framed_record(""), std::string("\0\0\0\0\0\0\0\0\x29\x03\x98\x07\xd8\xea\x82\xa2", 16));
}

TEST(EventFile, AFlippedBitEndsTheReadableRecords) {
  const std::string record = framed_record("some data");
  for (size_t byte = 0; byte < record.size(); ++byte) {
    std::string broken = record;
    broken[byte] = static_cast<char>(broken[byte] ^ 4);
    std::string_view left = broken;
    EXPECT_FALSE(take_record(left)) << "byte " << byte;
    EXPECT_EQ(left.size(), broken.size());
  }
}

TEST(EventFile, TornAtAnyByteOnlyTheLastRecordIsLost) {
  const std::string whole = framed_record(version_event(1)) + framed_record(start_event(2, 1));
  const std::string last = framed_record(summary_event(3, 7, {}));
  for (size_t kept = 0; kept < last.size(); ++kept) {
    const Scan scanned = scan(whole + last.substr(0, kept));
    EXPECT_EQ(scanned.steps, (std::vector<int64_t>{0, 1})) << kept;
    EXPECT_EQ(scanned.left_bytes, kept);
  }
  EXPECT_EQ(scan(whole + last).steps, (std::vector<int64_t>{0, 1, 7}));
}

TEST(TensorboardSink, TwentyCrashesLeaveEveryStepOnceAndNoTornRecord) {
  const TempFolder folder;
  std::mt19937 random(1);
  int64_t next = 1;
  for (int crash = 0; crash < 20; ++crash) {
    train(folder.path(), next, next + 9);
    const std::string newest = event_files(folder.path()).back();
    const size_t bytes = fs::file_size(newest);
    fs::resize_file(newest, std::uniform_int_distribution<size_t>(0, bytes)(random));
    // The run resumes at its last checkpoint: not later than what the file still has.
    const std::map<int64_t, int> left = step_counts(folder.path());
    const int64_t reached = left.empty() ? 0 : left.rbegin()->first;
    next = std::max<int64_t>(1, reached - 3);
  }
  train(folder.path(), next, 100);
  const std::map<int64_t, int> counts = step_counts(folder.path());
  ASSERT_EQ(counts.size(), 100u);
  for (const auto& [step, count] : counts) EXPECT_EQ(count, 1) << "step " << step;
  for (const std::string& path : event_files(folder.path())) EXPECT_EQ(scan(text_of(path)).left_bytes, 0u) << path;
}

TEST(TensorboardSink, AResumedRunStartsANewLastFileThatSaysWhereItGoesOn) {
  const TempFolder folder;
  train(folder.path(), 1, 6);
  train(folder.path(), 5, 8);
  const std::vector<std::string> files = event_files(folder.path());
  ASSERT_EQ(files.size(), 2u);
  EXPECT_EQ(scan(text_of(files[0])).steps, (std::vector<int64_t>{0, 1, 1, 2, 3, 4}));
  EXPECT_EQ(scan(text_of(files[1])).steps, (std::vector<int64_t>{0, 5, 5, 6, 7, 8}));
  EXPECT_NE(text_of(files[1]).find("brain.Event:2"), std::string::npos);
}

TEST(TensorboardSink, ManyExpertsAreHistogramsAndAPictureAlone) {
  const auto tags = [](const ExpertLoad& load, const std::string& run) {
    StepRecord record = step_record(100);
    record.load = load;
    TensorboardSink(MetricsConfig{}, run, 0).write(record);
    return text_of(event_files(run).back());
  };
  const TempFolder folder;
  const std::string few = tags({2, 4, std::vector<int64_t>(8, 10)}, folder / "few");
  const std::string many = tags({2, 64, std::vector<int64_t>(128, 10)}, folder / "many");
  for (const std::string& text : {few, many}) {
    EXPECT_NE(text.find("experts/load"), std::string::npos);
    EXPECT_NE(text.find("experts/layer_1/shares"), std::string::npos);
  }
  EXPECT_NE(few.find("experts/layer_1/share_3"), std::string::npos);
  EXPECT_EQ(many.find("experts/layer_1/share_3"), std::string::npos);
}

TEST(Histogram, CountsEveryValueOnce) {
  const Histogram histogram = count_values({0, 0.1, 0.25, 0.65}, 0.5, 5);
  EXPECT_EQ(histogram.counts, (std::vector<double>{2, 0, 1, 0, 0, 1}));
  EXPECT_EQ(histogram.upper_limits.back(), 0.65);
  EXPECT_DOUBLE_EQ(histogram.sum, 1);
}

}  // namespace
}  // namespace mm
