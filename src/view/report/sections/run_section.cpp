// One function a part; each is empty when the run has nothing of its kind.
#include "view/report/sections/run_section.h"

#include <algorithm>
#include <cmath>

#include "core/text.h"
#include "metrics/load_statistics.h"
#include "view/report/sections/alarm_section.h"
#include "view/report/sections/domain_section.h"
#include "view/report/sections/domains_over_time.h"
#include "view/report/sections/html.h"
#include "view/report/sections/sample_section.h"

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
  html += format(
      "<script type=\"application/json\">{\"firstLayer\":%lld,\"layers\":%lld,\"experts\":%lld,"
      "\"first\":[%s],\"last\":[%s],",
      static_cast<long long>(shape.first_layer), static_cast<long long>(shape.layers),
      static_cast<long long>(shape.experts), join_steps(columns, &LoadColumn::first_step).c_str(),
      join_steps(columns, &LoadColumn::last_step).c_str());
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

std::string events(const RunHistory& run) {
  std::vector<HistoryEvent> all = run.events;
  for (const int64_t step : run.log.resumes) all.push_back({step, "resumed from the checkpoint of this step"});
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

std::string config(const RunHistory& run) {
  if (run.config.empty()) return "";
  return "<h3>Config</h3>\n<details><summary>config.json</summary><pre>" + escape_html(run.config) +
         "</pre></details>\n";
}

}  // namespace

std::string expert_section(const RunHistory& run, size_t index) {
  return load_maps(run) + alarm_section(run, index) + domains_over_time(run, index) + domain_section(run);
}

std::string rest_section(const RunHistory& run) {
  return samples_over_time(run) + events(run) + config(run);
}

}  // namespace mm
