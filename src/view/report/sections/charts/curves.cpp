// A table of charts, each of which picks its series out of every run.
#include "view/report/sections/charts/curves.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/characters/utf8.h"
#include "core/text.h"
#include "view/report/sections/charts/line_chart.h"
#include "view/report/sections/html.h"

namespace mm {
namespace {

using Runs = std::vector<RunHistory>;
using Run = const RunHistory&;
using Pick = const Series& (*)(Run);
using Frames = std::vector<Frame> (*)(Run);

struct ChartKind {
  const char* title;
  const char* unit;
  const char* first_name;
  Pick first;
  const char* second_name = "";
  Pick second = nullptr;  ///< another one of the same run, dashed where there are several runs
  bool from_zero = false;
  Frames frames = nullptr;  ///< of a run; drawn where all runs have the same
};

double ln_of(double value) {
  return value > 1 ? std::log(value) : NAN;
}

double experts_of(Run run) {
  return static_cast<double>(run.load.last().experts);
}

std::vector<Frame> loss_frames(Run run) {
  return {{ln_of(run.setting("model.vocab_size", 0)), "guessing: ln(vocabulary)"}};
}

std::vector<Frame> share_frames(Run run) {
  const double alarm = run.setting("alarms.over_subscribed_share", 2);
  return {{1, "a fair share"}, {alarm, format("alarm above %.3g", alarm)}};
}

std::vector<Frame> gate_frames(Run run) {
  const double alarm = run.setting("alarms.gate_gradient", 1e-4);
  return {{alarm, format("alarm below %.2g", alarm)}};
}

std::vector<Frame> entropy_frames(Run run) {
  return {{ln_of(experts_of(run)), "ln E: undecided"}};
}

std::vector<Frame> balance_frames(Run run) {
  return {
      {.value = run.aux_loss_floor > 0 ? run.aux_loss_floor : NAN, .name = "floor: every load even", .below = true}};
}

const std::vector<ChartKind>& routing_charts() {
  static const std::vector<ChartKind> charts = {
      {.title = "Busiest expert of the worst layer",
       .unit = "fair shares",
       .first_name = "",
       .first = [](Run run) -> const Series& { return run.load.max_over_mean; },
       .frames = share_frames},
      {.title = "Gate gradient of the language-model loss",
       .unit = "relative to all parameters, per weight",
       .first_name = "least layer",
       .first = [](Run run) -> const Series& { return run.gate_gradient; },
       .second_name = "most",
       .second = [](Run run) -> const Series& { return run.gate_gradient_most; },
       .from_zero = true,
       .frames = gate_frames},
      {.title = "Token entropy",
       .unit = "nats, mean over layers: high is undecided",
       .first_name = "",
       .first = [](Run run) -> const Series& { return run.token_entropy; },
       .from_zero = true,
       .frames = entropy_frames},
      {.title = "Churn",
       .unit = "share of the probe's pairs with another expert",
       .first_name = "",
       .first = [](Run run) -> const Series& { return run.churn; },
       .from_zero = true},
      {.title = "Balance losses",
       .unit = "nats, as they enter the gradient",
       .first_name = "aux",
       .first = [](Run run) -> const Series& { return run.aux_loss; },
       .second_name = "z",
       .second = [](Run run) -> const Series& { return run.z_loss; },
       .from_zero = true,
       .frames = balance_frames},
      {.title = "Dropped tokens",
       .unit = "share of the (token, expert) pairs",
       .first_name = "",
       .first = [](Run run) -> const Series& { return run.dropped; },
       .from_zero = true},
  };
  return charts;
}

const std::vector<ChartKind>& training_charts() {
  static const std::vector<ChartKind> charts = {
      {.title = "Loss",
       .unit = "nats per token",
       .first_name = "training",
       .first = [](Run run) -> const Series& { return run.loss; },
       .second_name = "validation",
       .second = [](Run run) -> const Series& { return run.validation; },
       .frames = loss_frames},
      {.title = "Gradient norm",
       .unit = "before clipping",
       .first_name = "",
       .first = [](Run run) -> const Series& { return run.grad_norm; },
       .from_zero = true},
      {.title = "Learning rate",
       .unit = "",
       .first_name = "",
       .first = [](Run run) -> const Series& { return run.learning_rate; },
       .from_zero = true},
      {.title = "Throughput",
       .unit = "tokens per second",
       .first_name = "",
       .first = [](Run run) -> const Series& { return run.tokens_per_second; },
       .from_zero = true},
      {.title = "MFU",
       .unit = "model FLOP/s over the GEMM rate of the device",
       .first_name = "",
       .first = [](Run run) -> const Series& { return run.mfu; },
       .from_zero = true},
      {.title = "Memory",
       .unit = "GiB in use behind each step",
       .first_name = "",
       .first = [](Run run) -> const Series& { return run.memory_gib; },
       .from_zero = true},
  };
  return charts;
}

/// Those that mean the same for every run.
std::vector<Frame> common_frames(const ChartKind& kind, const Runs& runs) {
  std::vector<Frame> common;
  if (kind.frames == nullptr) return common;
  for (const Frame& frame : kind.frames(runs.front())) {
    const bool everywhere = std::all_of(runs.begin(), runs.end(), [&](Run run) {
      const std::vector<Frame> frames = kind.frames(run);
      return std::any_of(frames.begin(), frames.end(),
                         [&](const Frame& other) { return other.value == frame.value && other.name == frame.name; });
    });
    if (everywhere && std::isfinite(frame.value)) common.push_back(frame);
  }
  return common;
}

std::string chart_html(const ChartKind& kind, const Runs& runs, const std::vector<std::string>& names) {
  const bool many = runs.size() > 1, two = kind.second != nullptr;
  LineChart chart{.title = kind.title, .unit = kind.unit, .from_zero = kind.from_zero};
  chart.frames = common_frames(kind, runs);
  if (many && two) chart.unit += format("; %s, dashed: %s", kind.first_name, kind.second_name);
  for (size_t run = 0; run < runs.size(); ++run) {
    const int colour = static_cast<int>(run);
    chart.last_step = std::max(chart.last_step, runs[run].steps);
    chart.curves.push_back({.name = many ? names[run] : kind.first_name,
                            .run = run,
                            .colour = colour,
                            .field = runs[run].field_of_curve(kind.first(runs[run])),
                            .buckets = kind.first(runs[run]).buckets()});
    if (!two) continue;
    chart.curves.push_back({.name = many ? names[run] + ", " + kind.second_name : kind.second_name,
                            .run = run,
                            .colour = many ? colour : 1,
                            .dashed = many,
                            .field = runs[run].field_of_curve(kind.second(runs[run])),
                            .buckets = kind.second(runs[run]).buckets()});
  }
  if (!many) chart.marks = runs.front().log.resumes;
  return line_chart(chart);
}

/// What the script needs to draw by tokens and by time: of each run, both at some steps.
std::string axes_of(const Runs& runs, const std::vector<std::string>& names) {
  auto all = nlohmann::json::array();
  for (size_t i = 0; i < runs.size(); ++i) {
    nlohmann::json run = {{"name", lossy_utf8(names[i])}};
    for (const auto& [axis, series] :
         {std::pair("tokens", &runs[i].tokens_at), std::pair("time", &runs[i].seconds_at)}) {
      auto steps = nlohmann::json::array({0}), values = nlohmann::json::array({0});
      for (const Bucket& bucket : series->buckets()) {
        steps.push_back(0.5 * static_cast<double>(bucket.first_step + bucket.last_step));
        values.push_back(std::round(10 * bucket.mean()) / 10);
      }
      run[axis] = {steps, values};
    }
    all.push_back(run);
  }
  // A name must not end the element that it stands in.
  std::string text = all.dump();
  for (size_t at = 0; (at = text.find('<', at)) != std::string::npos;) text.replace(at, 1, "\\u003c");
  return "<script type=\"application/json\" id=\"runs\">" + text + "</script>\n";
}

std::string controls(const Runs& runs, const std::vector<std::string>& names) {
  std::string html =
      "<div class=\"controls\" hidden><span>Along <label><input type=\"radio\" name=\"axis\" value=\"step\" "
      "checked>steps"
      "</label> <label><input type=\"radio\" name=\"axis\" value=\"tokens\">tokens</label> <label><input "
      "type=\"radio\" "
      "name=\"axis\" value=\"time\">time in steps</label></span> <label>Smoothing <input type=\"range\" id=\"smooth\" "
      "min=\"0\" max=\"99\" value=\"0\"></label> <button id=\"csv\">CSV of the curves</button>";
  if (runs.size() > 1) {
    html += "<span>Show";
    for (size_t i = 0; i < runs.size(); ++i) {
      html += format(" <label><input type=\"checkbox\" data-show=\"%zu\" checked><span class=\"key c%zu\"></span>", i,
                     i % 8) +
              escape_html(names[i]) + "</label>";
    }
    html += "</span>";
  }
  return html + "</div>\n";
}

}  // namespace

std::string curves_section(const Runs& runs, const std::vector<std::string>& names) {
  std::string charts;
  for (const ChartKind& kind : training_charts()) {
    charts += chart_html(kind, runs, names);
    // What the routers do belongs right behind the loss.
    if (&kind != &training_charts().front()) continue;
    for (const ChartKind& routing : routing_charts()) charts += chart_html(routing, runs, names);
  }
  if (charts.empty()) return "";
  return "<h2>Curves</h2>\n" + axes_of(runs, names) + controls(runs, names) + "<div class=\"charts\">\n" + charts +
         "</div>\n";
}

}  // namespace mm
