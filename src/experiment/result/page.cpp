// A variant is drawn as one run whose curves are those of all its seeds.
#include "experiment/result/page.h"

#include <optional>

#include "core/text.h"
#include "experiment/result/table.h"
#include "view/report/page/page_frame.h"
#include "view/report/report_page.h"
#include "view/report/sections/charts/curves.h"
#include "view/report/sections/html.h"
#include "view/report/sections/run_section.h"

namespace mm {
namespace {

std::string row(const std::vector<std::string>& cells, const char* tag) {
  std::string html = "<tr>";
  for (const std::string& cell : cells) html += format("<%s>", tag) + escape_html(cell) + format("</%s>", tag);
  return html + "</tr>\n";
}

std::string table(const ExperimentFile& file, const std::vector<ComparisonRow>& rows) {
  const auto lines = table_cells(file, rows);
  std::string html = "<div class=\"scroll\"><table>" + row(lines[0], "th");
  for (size_t i = 1; i < lines.size(); ++i) html += row(lines[i], "td");
  html += "</table></div>\n";
  for (const std::string& sentence : explanation(file)) {
    html += "<p class=\"soft\">" + escape_html(sentence) + "</p>\n";
  }
  for (const std::string& failure : failures(rows)) html += "<p>failed: " + escape_html(failure) + "</p>\n";
  return html;
}

/// The finished runs of a variant as one; nothing when there is none.
std::optional<RunHistory> joined(const RunPlan& plan, size_t variant, const VariantResults& results) {
  const HistoryLimits limits = limits_for(plan.variants.size());
  std::optional<RunHistory> all;
  size_t place = 0;
  for (const PlannedRun& run : plan.runs) {
    if (run.variant != variant || !results.runs.at(place++).finished()) continue;
    RunHistory history = read_run_history(run.folder(), limits);
    if (all) {
      join_curves(*all, history);
    } else {
      all.emplace(std::move(history));
    }
  }
  return all;
}

}  // namespace

std::string experiment_page(const RunPlan& plan, const std::vector<VariantResults>& results,
                            const std::vector<ComparisonRow>& rows) {
  std::vector<RunHistory> variants;
  std::vector<std::string> names;
  for (size_t i = 0; i < results.size(); ++i) {
    std::optional<RunHistory> all = joined(plan, i, results[i]);
    if (!all) continue;
    variants.push_back(std::move(*all));
    names.push_back(results[i].name);
  }
  std::string body = plan.file.about.empty() ? "" : "<p>" + escape_html(plan.file.about) + "</p>\n";
  body += table(plan.file, rows);
  if (!variants.empty()) {
    body += curves_section(variants, names) +
            "<p class=\"soft\">Lines are means over the seeds, bands reach from the least to the greatest.</p>\n";
  }
  for (size_t i = 0; i < variants.size(); ++i) {
    const std::string experts = expert_section(variants[i], i);
    if (experts.empty()) continue;
    body += "<h2>" + escape_html(names[i]) + "</h2>\n<p class=\"soft\">" + escape_html(variants[i].folder) + "</p>\n" +
            experts;
  }
  return page_frame(plan.file.name, body);
}

}  // namespace mm
