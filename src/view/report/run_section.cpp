// One function a part; each is empty when the run has nothing of its kind.
#include "view/report/run_section.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/text.h"
#include "metrics/load_statistics.h"
#include "view/report/domain_section.h"
#include "view/report/html.h"
#include "view/report/line_chart.h"

namespace mm {
namespace {

std::string join_steps(const std::vector<LoadColumn>& columns, int64_t LoadColumn::*step) {
  std::vector<std::string> steps;
  for (const LoadColumn& column : columns) steps.push_back(std::to_string(column.*step));
  return join(steps, ",");
}

/// The shares, two bytes each, in the order [column][layer][expert]; 0 means no token, 65535 all of them.
std::string packed_shares(const std::vector<LoadColumn>& columns) {
  std::string bytes;
  for (const LoadColumn& column : columns) {
    for (const LayerLoadStatistics& layer : load_statistics(column.load).layers) {
      for (const double share : layer.shares) {
        const long rounded = share > 0 ? std::max(1L, std::lround(65535 * share)) : 0;
        bytes += static_cast<char>(rounded);
        bytes += static_cast<char>(rounded >> 8);
      }
    }
  }
  return bytes;
}

std::string load_maps(const RunHistory& run) {
  const std::vector<LoadColumn> columns = run.load.columns();
  if (columns.empty()) return "";
  const ExpertLoad& shape = columns.front().load;
  std::string html = "<h3>Share of tokens per expert</h3>\n<div class=\"load\">";
  html +=
      format("<script type=\"application/json\">{\"layers\":%lld,\"experts\":%lld,\"first\":[%s],\"last\":[%s],",
             static_cast<long long>(shape.layers), static_cast<long long>(shape.experts),
             join_steps(columns, &LoadColumn::first_step).c_str(), join_steps(columns, &LoadColumn::last_step).c_str());
  html += "\"cells\":\"" + base64(packed_shares(columns)) + "\"}</script>\n";
  html += format(
      "<div class=\"scale\"><span>no tokens</span><span></span><span>two fair shares and more; a fair share, %.3g %%, "
      "is the middle</span></div>\n",
      100.0 / static_cast<double>(shape.experts));
  html +=
      "<label class=\"slider\">Moment <input type=\"range\" min=\"0\" value=\"0\"><output></output></label>\n"
      "<div class=\"scroll\"><table class=\"shares\"></table></div>\n"
      "<h3>Time from left to right, experts from top to bottom</h3>\n<div class=\"maps\"></div>\n"
      "<noscript><p>The heat maps need JavaScript; everything else on this page does without.</p></noscript></div>\n";
  return html;
}

/// What a list that has no room for everything ends with.
std::string more_in_file(int64_t count) {
  return count > 0 ? "<p>and " + with_commas(count) + " more in metrics.jsonl</p>" : "";
}

std::string alarm_chart(const RunHistory& run) {
  LineChart chart{.title = "Alarms", .unit = "that stand", .marks = run.resumes, .last_step = run.steps};
  chart.from_zero = true;
  int colour = 0;
  for (const AlarmGroup& group : run.alarms.groups()) {
    if (group.raised > 0) {
      chart.curves.push_back(
          {.name = std::string(group.title), .colour = colour, .buckets = group.standing_at.buckets()});
    }
    ++colour;
  }
  return "<div class=\"charts\">" + line_chart(chart) + "</div>\n";
}

std::string alarm_row(const RaisedAlarm& alarm) {
  const EventRecord& event = alarm.event;
  const auto text = [](const std::string& words) { return "<td class=\"text\">" + escape_html(words) + "</td>"; };
  return "<tr>" + text(event.text) + "<td>" + with_commas(event.step) + "</td><td>" +
         (alarm.cleared ? with_commas(*alarm.cleared) : "stands") + "</td>" + text(event.cause) + text(event.remedy) +
         "</tr>\n";
}

std::string alarms(const RunHistory& run) {
  constexpr size_t kMostRows = 40;
  const int64_t raised = run.alarms.raised();
  if (raised == 0) return run.load.last().empty() ? "" : "<h3>Alarms</h3>\n<p>No alarm was raised.</p>\n";
  std::vector<RaisedAlarm> shown = run.alarms.alarms();
  std::stable_sort(shown.begin(), shown.end(), [](const RaisedAlarm& a, const RaisedAlarm& b) {
    return std::pair(a.cleared.has_value(), -a.event.step) < std::pair(b.cleared.has_value(), -b.event.step);
  });
  shown.resize(std::min(shown.size(), kMostRows));
  std::string html = "<h3>Alarms</h3>\n" + alarm_chart(run) + "<details open><summary>Alarms: " + with_commas(raised) +
                     "</summary><div class=\"scroll\"><table>";
  html +=
      "<tr><th class=\"text\">what was wrong</th><th>raised at step</th><th>cleared at step</th>"
      "<th class=\"text\">likely cause</th><th class=\"text\">remedy</th></tr>\n";
  for (const RaisedAlarm& alarm : shown) html += alarm_row(alarm);
  return html + "</table></div>" + more_in_file(raised - static_cast<int64_t>(shown.size())) + "</details>\n";
}

std::string events(const RunHistory& run) {
  std::vector<HistoryEvent> all = run.events;
  for (const int64_t step : run.resumes) all.push_back({step, "resumed from the checkpoint of this step"});
  if (all.empty()) return "";
  std::stable_sort(all.begin(), all.end(),
                   [](const HistoryEvent& a, const HistoryEvent& b) { return a.step < b.step; });
  std::string html = "<details><summary>Events: " + with_commas(static_cast<int64_t>(all.size()) + run.more_events) +
                     "</summary><div class=\"scroll\"><table>";
  html += "<tr><th>step</th><th class=\"text\">what happened</th></tr>\n";
  for (const HistoryEvent& event : all) {
    html +=
        "<tr><td>" + with_commas(event.step) + "</td><td class=\"text\">" + escape_html(event.text) + "</td></tr>\n";
  }
  return html + "</table></div>" + more_in_file(run.more_events) + "</details>\n";
}

std::string samples(const RunHistory& run) {
  std::string html;
  for (size_t i = 0; i < run.samples.size();) {
    const int64_t step = run.samples[i].step;
    html += format("<details%s><summary>step %s</summary>\n", step == run.samples.back().step ? " open" : "",
                   with_commas(step).c_str());
    for (; i < run.samples.size() && run.samples[i].step == step; ++i) {
      html += "<pre><b>" + escape_html(run.samples[i].prompt) + "</b>" + escape_html(run.samples[i].text) + "</pre>\n";
    }
    html += "</details>\n";
  }
  return html.empty() ? "" : "<h3>Samples</h3>\n" + html;
}

std::string config(const RunHistory& run) {
  if (run.config.empty()) return "";
  return "<h3>Config</h3>\n<details><summary>config.json</summary><pre>" + escape_html(run.config) +
         "</pre></details>\n";
}

}  // namespace

std::string run_section(const RunHistory& run) {
  return load_maps(run) + alarms(run) + domain_section(run) + events(run) + samples(run) + config(run);
}

}  // namespace mm
