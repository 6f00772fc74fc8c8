// A table whose rows become cards where there is no room for it.
#include "dashboard/run_list.h"

#include <algorithm>
#include <utility>

#include "core/text.h"
#include "view/report/light.h"
#include "view/report/sections/html.h"
#include "view/report/sections/run_cards.h"
#include "view/report/verdict.h"

namespace mm {
namespace {

std::string cell(const char* label, const std::string& html) {
  return format("<td data-label=\"%s\">", label) + (html.empty() ? "-" : html) + "</td>";
}

std::string first_cells(const std::string& name, const std::string& lights) {
  const std::string escaped = escape_html(name);
  return "<tr><td class=\"choice\"><input type=\"checkbox\" name=\"run\" value=\"" + escaped + "\" aria-label=\"" +
         escaped + "\"></td><td class=\"text name\"><a href=\"" + run_url(name) + "\">" + escaped + "</a></td>" +
         "<td class=\"text lights\">" + lights + "</td>";
}

std::string progress(const RunHistory& run) {
  const double total = run.setting("train.steps", 0);
  if (total < 1) return with_commas(run.steps);
  return with_commas(run.steps) + " of " + with_commas(static_cast<int64_t>(total)) +
         format(", %.0f%%", 100 * std::min(1.0, static_cast<double>(run.steps) / total));
}

}  // namespace

std::string run_url(const std::string& name) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~/";
  std::string url = "/run/";
  for (const char c : name) {
    url += kPlain.find(c) != std::string_view::npos ? std::string(1, c) : format("%%%02X", static_cast<uint8_t>(c));
  }
  return url;
}

ListedRun list_run(const std::string& name, const RunHistory& run) {
  std::string lights;
  for (const Verdict& verdict : verdicts(run, nullptr)) {
    if (verdict.light != Light::kNone) lights += light_html(verdict.light);
  }
  const std::vector<Bucket> losses = run.loss.buckets();
  std::string row = first_cells(name, lights);
  row += cell("state", escape_html(state_of(run)));
  row += cell("steps", progress(run));
  row += cell("training loss", losses.empty() ? "" : format("%.4f", losses.back().mean()));
  row += cell("best validation", run.best ? format("%.4f", run.best->loss) : "");
  row += cell("bits/byte", run.best ? format("%.3f", run.best->bits_per_byte) : "");
  row += cell("alarms", standing_alarms(run));
  row += cell("tokens/s", run.seconds > 0 ? short_count(static_cast<double>(run.tokens) / run.seconds) : "");
  row += cell("last word", escape_html(run.log.last));
  return {row + "</tr>\n", run.log.last};
}

ListedRun list_unreadable_run(const std::string& name, const std::string& problem) {
  return {first_cells(name, "") + "<td class=\"text\" colspan=\"8\">" + escape_html(problem) + "</td></tr>\n", ""};
}

std::string run_list(std::vector<ListedRun> runs, int64_t left_out) {
  std::stable_sort(runs.begin(), runs.end(),
                   [](const ListedRun& a, const ListedRun& b) { return a.last_word > b.last_word; });
  std::string html;
  if (runs.empty()) {
    html =
        "<p>There is no run here yet. <code>pretrain --config configs/quickstart.json</code> makes one; it shows up "
        "as soon as it has begun.</p>\n";
  } else {
    html =
        "<form action=\"/compare\"><div class=\"scroll\"><table class=\"runs\"><thead><tr><th></th>"
        "<th class=\"text\">run</th><th class=\"text\">verdict</th><th>state</th><th>steps</th><th>training loss</th>"
        "<th>best validation</th><th>bits/byte</th><th>alarms that stand</th><th>tokens/s</th><th>last word</th></tr>"
        "</thead><tbody>\n";
    for (const ListedRun& run : runs) html += run.row;
    html += "</tbody></table></div><p><button>Compare those that are checked</button></p></form>\n";
  }
  if (left_out > 0) {
    html += "<p class=\"soft\">Left out: " + with_commas(left_out) +
            " whose files are links, or whose name is no text.</p>\n";
  }
  return html;
}

}  // namespace mm
