// The messages, with their field numbers by name.
#include "view/tensorboard/event.h"

#include <algorithm>
#include <cmath>

namespace mm {
namespace {

namespace event_field {
constexpr int kWallTime = 1, kStep = 2, kFileVersion = 3, kSummary = 5, kSessionLog = 7;
}
namespace value_field {
constexpr int kTag = 1, kSimpleValue = 2, kImage = 4, kHistogram = 5, kTensor = 8, kMetadata = 9;
}

ProtoMessage event(double wall_time, int64_t step) {
  ProtoMessage message;
  message.real(event_field::kWallTime, wall_time).integer(event_field::kStep, step);
  return message;
}

}  // namespace

Histogram count_values(const std::vector<double>& values, double top, int ranges) {
  Histogram result;
  const auto [lowest, highest] = std::minmax_element(values.begin(), values.end());
  if (values.empty()) return result;
  result.min = *lowest;
  result.max = *highest;
  for (int range = 1; range <= ranges; ++range) result.upper_limits.push_back(top * range / ranges);
  result.upper_limits.push_back(std::max(result.max, std::nextafter(top, INFINITY)));
  result.counts.assign(result.upper_limits.size(), 0);
  for (const double value : values) {
    const auto limit = std::lower_bound(result.upper_limits.begin(), result.upper_limits.end(), value);
    ++result.counts[static_cast<size_t>(limit - result.upper_limits.begin())];
    result.sum += value;
    result.sum_of_squares += value * value;
  }
  return result;
}

void Summary::add(std::string_view tag, ProtoMessage value) {
  value.bytes(value_field::kTag, tag);
  constexpr int kValue = 1;
  values_.message(kValue, value);
}

void Summary::scalar(std::string_view tag, double value) {
  add(tag, ProtoMessage().real32(value_field::kSimpleValue, static_cast<float>(value)));
}

void Summary::histogram(std::string_view tag, const Histogram& histogram) {
  double count = 0;
  for (const double in_range : histogram.counts) count += in_range;
  ProtoMessage message;
  message.real(1, histogram.min).real(2, histogram.max).real(3, count);
  message.real(4, histogram.sum).real(5, histogram.sum_of_squares);
  message.reals(6, histogram.upper_limits).reals(7, histogram.counts);
  add(tag, ProtoMessage().message(value_field::kHistogram, message));
}

void Summary::image(std::string_view tag, const Image& image) {
  constexpr int kRgb = 3;
  ProtoMessage message;
  message.integer(1, image.height).integer(2, image.width).integer(3, kRgb).bytes(4, encode_png(image));
  add(tag, ProtoMessage().message(value_field::kImage, message));
}

void Summary::text(std::string_view tag, std::string_view text) {
  constexpr int kDtype = 1, kShape = 2, kStringValue = 8, kDtypeString = 7;
  ProtoMessage tensor, metadata;
  const ProtoMessage one_item = ProtoMessage().message(2, ProtoMessage().integer(1, 1));
  tensor.integer(kDtype, kDtypeString).message(kShape, one_item).bytes(kStringValue, text);
  metadata.message(1, ProtoMessage().bytes(1, "text"));  // the plugin that shows it
  add(tag, ProtoMessage().message(value_field::kTensor, tensor).message(value_field::kMetadata, metadata));
}

// tensorboard/plugins/hparams/plugin_data.proto; a value is google.protobuf.Value.
void Summary::settings(const std::map<std::string, SettingValue>& settings, double since) {
  constexpr int kHparams = 1, kStartSeconds = 5, kSessionStart = 3, kKey = 1, kMapValue = 2;
  ProtoMessage session;
  for (const auto& [name, setting] : settings) {
    ProtoMessage value;
    if (const auto* number = std::get_if<double>(&setting)) value.real(2, *number);
    if (const auto* text = std::get_if<std::string>(&setting)) value.bytes(3, *text);
    if (const auto* truth = std::get_if<bool>(&setting)) value.integer(4, *truth ? 1 : 0);
    session.message(kHparams, ProtoMessage().bytes(kKey, name).message(kMapValue, value));
  }
  session.real(kStartSeconds, since);
  const ProtoMessage plugin =
      ProtoMessage().bytes(1, "hparams").bytes(2, ProtoMessage().message(kSessionStart, session).bytes());
  add("_hparams_/session_start_info",
      ProtoMessage().message(value_field::kMetadata, ProtoMessage().message(1, plugin)));
}

std::string version_event(double wall_time) {
  return event(wall_time, 0).bytes(event_field::kFileVersion, "brain.Event:2").bytes();
}

std::string start_event(double wall_time, int64_t step) {
  constexpr int kStatus = 1, kStart = 1;
  return event(wall_time, step).message(event_field::kSessionLog, ProtoMessage().integer(kStatus, kStart)).bytes();
}

std::string summary_event(double wall_time, int64_t step, const Summary& summary) {
  return event(wall_time, step).message(event_field::kSummary, summary.message()).bytes();
}

int64_t event_step(std::string_view event) {
  return proto_integer(event, event_field::kStep);
}

}  // namespace mm
