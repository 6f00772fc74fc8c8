// TensorBoard's `Event` messages: what one record of an event file says.
// Field numbers: tensorboard/compat/proto/{event,summary,tensor}.proto.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "view/image/png.h"
#include "view/tensorboard/protobuf.h"

namespace mm {

/// How often values fell into each of adjoining ranges.
struct Histogram {
  double min = 0, max = 0, sum = 0, sum_of_squares = 0;
  std::vector<double> upper_limits;  ///< of each range, rising
  std::vector<double> counts;        ///< as many
};

/// Counts `values` in `ranges` equal ranges of [0, top] and one range for what is larger.
Histogram count_values(const std::vector<double>& values, double top, int ranges);

/// A setting as the HParams tab has it.
using SettingValue = std::variant<bool, double, std::string>;

/// The values of one step, each under a tag. `a/b` groups tags by `a`.
class Summary {
 public:
  void scalar(std::string_view tag, double value);
  void histogram(std::string_view tag, const Histogram& histogram);
  void image(std::string_view tag, const Image& image);
  /// Shown as Markdown.
  void text(std::string_view tag, std::string_view text);

  /// What the HParams tab compares runs by.
  ///   since  when the run began, in seconds since 1970
  void settings(const std::map<std::string, SettingValue>& settings, double since);

  const ProtoMessage& message() const { return values_; }

 private:
  void add(std::string_view tag, ProtoMessage value);
  ProtoMessage values_;
};

/// What an event file opens with.
std::string version_event(double wall_time);
/// Says that a run starts or goes on with `step`: TensorBoard drops what it has read of this step and later ones.
std::string start_event(double wall_time, int64_t step);
std::string summary_event(double wall_time, int64_t step, const Summary& summary);

/// The step of an event.
int64_t event_step(std::string_view event);

}  // namespace mm
