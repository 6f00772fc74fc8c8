// One function a part; each is empty when the run has nothing of its kind.
#include "metrics/report/run_section.h"

#include <algorithm>
#include <cmath>

#include "core/text.h"
#include "metrics/load_statistics.h"
#include "metrics/report/domain_section.h"
#include "metrics/report/html.h"
#include "metrics/report/line_chart.h"

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

std::string trouble_chart(const RunHistory& run) {
  LineChart chart{
      .title = "Alarms", .unit = "experts dead, dying, over-subscribed", .marks = run.resumes, .last_step = run.steps};
  chart.from_zero = true;
  const auto add = [&](const char* name, int colour, const Series& series) {
    chart.curves.push_back({.name = name, .colour = colour, .band = false, .buckets = series.buckets()});
  };
  add("dead", 1, run.load.dead);
  add("dying", 3, run.load.dying);
  add("over-subscribed", 0, run.load.over_subscribed);
  return "<div class=\"charts\">" + line_chart(chart) + "</div>\n";
}

std::string troubles(const RunHistory& run) {
  constexpr size_t kMostRows = 40;
  if (run.load.last().empty()) return "";
  const std::vector<ExpertTroubles> all = run.load.troubles();
  std::string html = "<h3>Experts in trouble</h3>\n";
  if (all.empty()) return html + "<p>No expert was dead, dying or over-subscribed at any step.</p>\n";
  html += trouble_chart(run);
  html += format("<details><summary>Alarms: %zu, the longest first</summary><div class=\"scroll\"><table>", all.size());
  html += "<tr><th class=\"text\">at its worst</th><th>first step</th><th>last step</th><th>steps</th></tr>\n";
  for (size_t i = 0; i < std::min(all.size(), kMostRows); ++i) {
    html += "<tr><td class=\"text\">" + escape_html(alarm_sentence(all[i].worst, run.load.last().experts));
    html += "</td><td>" + with_commas(all[i].first_step) + "</td><td>" + with_commas(all[i].last_step);
    html += (all[i].last_step == run.steps ? " (now)" : "");
    html += "</td><td>" + with_commas(all[i].steps) + "</td></tr>\n";
  }
  html += "</table></div>";
  if (all.size() > kMostRows) html += format("<p>and %zu more</p>", all.size() - kMostRows);
  return html + "</details>\n";
}

std::string events(const RunHistory& run) {
  std::vector<HistoryEvent> all = run.events;
  for (const int64_t step : run.resumes) all.push_back({step, "resumed from the checkpoint of this step"});
  if (all.empty()) return "";
  std::stable_sort(all.begin(), all.end(),
                   [](const HistoryEvent& a, const HistoryEvent& b) { return a.step < b.step; });
  std::string html = format("<details><summary>Events: %zu</summary><div class=\"scroll\"><table>", all.size());
  html += "<tr><th>step</th><th class=\"text\">what happened</th></tr>\n";
  for (const HistoryEvent& event : all) {
    html +=
        "<tr><td>" + with_commas(event.step) + "</td><td class=\"text\">" + escape_html(event.text) + "</td></tr>\n";
  }
  return html + "</table></div></details>\n";
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
  return load_maps(run) + troubles(run) + domain_section(run) + events(run) + samples(run) + config(run);
}

}  // namespace mm
