// A time line, how many stood, and a table.
#include "view/report/sections/alarm_section.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "core/text.h"
#include "view/report/sections/charts/line_chart.h"
#include "view/report/sections/html.h"

namespace mm {
namespace {

/// A row for each name, a bar from where an alarm was raised to where it was cleared. What it says is in its tooltip.
std::string time_line(const RunHistory& run, size_t index, const std::vector<RaisedAlarm>& alarms) {
  constexpr double kWidth = 640, kLeft = 150, kRight = 20, kRow = 24, kAxis = 24;
  std::vector<std::string> names;
  for (const RaisedAlarm& alarm : alarms) {
    if (std::find(names.begin(), names.end(), alarm.event.name) == names.end()) names.push_back(alarm.event.name);
  }
  const double last = static_cast<double>(std::max<int64_t>(run.steps, 1));
  const auto at = [&](int64_t step) {
    return kLeft + std::clamp(static_cast<double>(step) / last, 0.0, 1.0) * (kWidth - kLeft - kRight);
  };
  const double height = kRow * static_cast<double>(names.size()) + kAxis;
  std::string html =
      "<figure class=\"chart\"><figcaption><b>When alarms stood</b> <i>point at a bar for what it said"
      "</i><output></output></figcaption>\n";
  html += format("<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\" tabindex=\"0\" data-x=\"0 %.9g %.0f %.0f\">", kWidth,
                 height, last, kLeft, kWidth - kRight);
  html += "<title>When alarms stood</title><g class=\"axis\"></g>\n";
  for (size_t row = 0; row < names.size(); ++row) {
    html += format("<text x=\"0\" y=\"%.0f\">", kRow * static_cast<double>(row) + 16) + escape_html(names[row]) +
            "</text>\n";
  }
  for (const RaisedAlarm& alarm : alarms) {
    const auto row = std::find(names.begin(), names.end(), alarm.event.name) - names.begin();
    const int64_t from = alarm.event.step, to = alarm.cleared.value_or(run.steps);
    html += format(
        "<rect class=\"alarm\" data-run=\"%zu\" data-from=\"%lld\" data-to=\"%lld\" x=\"%.1f\" width=\"%.1f\" "
        "y=\"%.0f\" "
        "height=\"16\"><title>",
        index, static_cast<long long>(from), static_cast<long long>(to), at(from), std::max(2.0, at(to) - at(from)),
        kRow * static_cast<double>(row) + 4);
    html += "step " + with_commas(from) + (alarm.cleared ? " to " + with_commas(to) : ", stands") + ": " +
            escape_html(alarm.event.text + "\nlikely cause: " + alarm.event.cause + "\nremedy: " + alarm.event.remedy) +
            "</title></rect>\n";
  }
  return html + "</svg></figure>\n";
}

std::string alarm_chart(const RunHistory& run, size_t index) {
  LineChart chart{.title = "Alarms", .unit = "that stand", .marks = run.log.resumes, .last_step = run.steps};
  chart.from_zero = true;
  int colour = 0;
  for (const AlarmGroup& group : run.alarms.groups()) {
    if (group.raised > 0) {
      chart.curves.push_back(
          {.name = std::string(group.title), .run = index, .colour = colour, .buckets = group.standing_at.buckets()});
    }
    ++colour;
  }
  return line_chart(chart);
}

std::string alarm_row(const RaisedAlarm& alarm) {
  const EventRecord& event = alarm.event;
  const auto text = [](const std::string& words) { return "<td class=\"text\">" + escape_html(words) + "</td>"; };
  return "<tr>" + text(event.text) + "<td>" + with_commas(event.step) + "</td><td>" +
         (alarm.cleared ? with_commas(*alarm.cleared) : "stands") + "</td>" + text(event.cause) + text(event.remedy) +
         "</tr>\n";
}

}  // namespace

std::string alarm_section(const RunHistory& run, size_t index) {
  constexpr size_t kMostRows = 40;
  const int64_t raised = run.alarms.raised();
  if (raised == 0) return run.steps == 0 ? "" : "<h3>Alarms</h3>\n<p>No alarm was raised.</p>\n";
  std::vector<RaisedAlarm> shown = run.alarms.alarms();
  std::stable_sort(shown.begin(), shown.end(), [](const RaisedAlarm& a, const RaisedAlarm& b) {
    return std::pair(a.cleared.has_value(), -a.event.step) < std::pair(b.cleared.has_value(), -b.event.step);
  });
  shown.resize(std::min(shown.size(), kMostRows));
  std::string html = "<h3>Alarms</h3>\n<div class=\"charts\">" + time_line(run, index, shown) +
                     alarm_chart(run, index) + "</div>\n<details open><summary>Alarms: " + with_commas(raised) +
                     "</summary><div class=\"scroll\"><table>";
  html +=
      "<tr><th class=\"text\">what was wrong</th><th>raised at step</th><th>cleared at step</th>"
      "<th class=\"text\">likely cause</th><th class=\"text\">remedy</th></tr>\n";
  for (const RaisedAlarm& alarm : shown) html += alarm_row(alarm);
  return html + "</table></div>" + more_in_file(raised - static_cast<int64_t>(shown.size())) + "</details>\n";
}

}  // namespace mm
