// A table a layer: a row for each expert, a column for each evaluation that is kept.
#include "view/report/sections/domains_over_time.h"

#include <algorithm>
#include <numeric>

#include "core/text.h"
#include "view/image/colour_map.h"
#include "view/report/sections/charts/line_chart.h"
#include "view/report/sections/html.h"

namespace mm {
namespace {

constexpr size_t kMostColumns = 8;
constexpr int64_t kMostExperts = 64;  // rows of a table
constexpr int64_t kMostLayers = 16;

/// The domain whose tokens go to an expert most often, beside how often those of all domains do.
struct Preference {
  size_t domain = 0;
  double lift = 0;  ///< share of the domain's tokens over the mean of the domains' shares; 0: it got nothing
};

Preference preference(const DomainsRecord& record, int64_t layer, int64_t expert) {
  const auto domains = static_cast<int64_t>(record.domains.size());
  std::vector<double> shares;
  for (int64_t domain = 0; domain < domains; ++domain) {
    const auto row = record.expert_tokens.begin() + (layer * domains + domain) * record.experts;
    const auto all = static_cast<double>(std::accumulate(row, row + record.experts, int64_t{0}));
    shares.push_back(all > 0 ? static_cast<double>(row[expert]) / all : 0);
  }
  const auto most = std::max_element(shares.begin(), shares.end());
  const double mean = std::accumulate(shares.begin(), shares.end(), 0.0) / static_cast<double>(domains);
  return {static_cast<size_t>(most - shares.begin()), mean > 0 ? *most / mean : 0};
}

std::vector<std::string> typical_of(const DomainsRecord& record, int64_t layer, int64_t expert) {
  const auto place = static_cast<size_t>(layer * record.experts + expert);
  return place < record.typical.size() ? record.typical[place] : std::vector<std::string>();
}

std::string cell(const DomainsRecord& record, int64_t layer, int64_t expert) {
  const std::string tokens = join(typical_of(record, layer, expert), "  ");
  const Preference preferred = preference(record, layer, expert);
  const std::string tooltip = "step " + with_commas(record.step) + (tokens.empty() ? "" : ": " + tokens);
  if (preferred.lift == 0) return "<td title=\"" + escape_html(tooltip) + "\">no token</td>";
  if (record.domains.size() < 2) return "<td class=\"text\">" + escape_html(tokens) + "</td>";
  // Half of the map is no preference; twice as often as the others is its end.
  const double position = std::clamp(preferred.lift / 2, 0.0, 1.0);
  const Colour colour = colour_at(position);
  return format("<td style=\"background:rgb(%d,%d,%d);color:%s\" title=\"", colour.red, colour.green, colour.blue,
                position > 0.55 ? "#10131a" : "#fff") +
         escape_html(tooltip) + "\">" + escape_html(record.domains[preferred.domain]) +
         format(" %.1f</td>", preferred.lift);
}

std::string layer_table(const std::vector<const DomainsRecord*>& moments, int64_t layer, bool open) {
  const DomainsRecord& last = *moments.back();
  std::string html = format("<details%s><summary>layer %lld</summary><div class=\"scroll\"><table class=\"shares\">",
                            open ? " open" : "", static_cast<long long>(last.first_layer + layer));
  html += "<tr><th>expert</th>";
  for (const DomainsRecord* moment : moments) html += "<th>step " + with_commas(moment->step) + "</th>";
  if (last.domains.size() > 1) html += "<th class=\"text\">typical tokens now</th>";
  html += "</tr>\n";
  for (int64_t expert = 0; expert < std::min(last.experts, kMostExperts); ++expert) {
    html += format("<tr><th>%lld</th>", static_cast<long long>(expert));
    for (const DomainsRecord* moment : moments) html += cell(*moment, layer, expert);
    if (last.domains.size() > 1) {
      html += "<td class=\"text\">";
      for (const std::string& token : typical_of(last, layer, expert)) {
        html += "<span class=\"token\"><code>" + escape_html(token) + "</code></span> ";
      }
      html += "</td>";
    }
    html += "</tr>\n";
  }
  return html + "</table></div></details>\n";
}

std::string loss_chart(const RunHistory& run, size_t index) {
  const std::vector<std::string>& names = run.domains_over_time.front().domains;
  LineChart chart{
      .title = "Validation loss by domain", .unit = "nats per token", .marks = run.log.resumes, .last_step = run.steps};
  for (size_t domain = 0; domain < names.size(); ++domain) {
    Series losses(static_cast<int64_t>(kMostColumns) * 8);
    for (const DomainsRecord& record : run.domains_over_time) losses.add(record.step, record.losses[domain]);
    chart.curves.push_back(
        {.name = names[domain], .run = index, .colour = static_cast<int>(domain), .buckets = losses.buckets()});
  }
  return "<div class=\"charts\">\n" + line_chart(chart) + "</div>\n";
}

}  // namespace

std::string domains_over_time(const RunHistory& run, size_t index) {
  const std::vector<DomainsRecord>& all = run.domains_over_time;
  if (all.empty()) return "";
  const bool several = all.front().domains.size() > 1;
  if (!several && all.front().typical.empty()) return "";
  std::string html = "<h3>Who does what, over time</h3>\n";
  if (several) html += loss_chart(run, index);
  std::vector<const DomainsRecord*> moments;
  const size_t columns = std::min(all.size(), kMostColumns);
  for (size_t i = 0; i < columns; ++i) moments.push_back(&all[columns == 1 ? 0 : i * (all.size() - 1) / (columns - 1)]);
  if (all.front().layers == 0) return html;
  html += several
              ? "<p class=\"soft\">The domain whose tokens go to the expert more often than those of the others, and "
                "how many times as often as on average; 1 is no preference. Point at a cell for the tokens that the "
                "expert was typical of then.</p>\n"
              : "<p class=\"soft\">The tokens that each expert was typical of.</p>\n";
  const int64_t layers = std::min(all.front().layers, kMostLayers);
  for (int64_t layer = 0; layer < layers; ++layer) html += layer_table(moments, layer, layer + 1 == layers);
  if (layers < all.front().layers || all.front().experts > kMostExperts) {
    html += "<p class=\"soft\">More of it is in metrics.jsonl.</p>\n";
  }
  return html;
}

}  // namespace mm
