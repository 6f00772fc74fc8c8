// The verdict first, then the numbers, the experts and the curves; of several runs what they have in common first.
#include "view/report/report_page.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "core/files/files.h"
#include "core/text.h"
#include "view/report/light.h"
#include "view/report/page/page_frame.h"
#include "view/report/sections/charts/curves.h"
#include "view/report/sections/html.h"
#include "view/report/sections/run_cards.h"
#include "view/report/sections/run_section.h"
#include "view/report/sections/sample_section.h"
#include "view/report/verdict.h"

namespace mm {
namespace {

using Runs = std::vector<RunHistory>;

/// The last part of each folder, or all of it where two runs would be called the same.
std::vector<std::string> names_of(const Runs& runs) {
  std::vector<std::string> names;
  std::map<std::string, int> uses;
  for (const RunHistory& run : runs) {
    const std::filesystem::path path = std::filesystem::path(run.folder + "/").lexically_normal().parent_path();
    names.push_back(path.filename().empty() ? run.folder : path.filename().string());
    ++uses[names.back()];
  }
  for (size_t i = 0; i < runs.size(); ++i) {
    if (uses[names[i]] > 1) names[i] = runs[i].folder;
  }
  return names;
}

class Page {
 public:
  explicit Page(const Runs& runs) : runs_(runs), names_(names_of(runs)) {}

  std::string html(const PageUse& use) const;

 private:
  std::string verdict_of(size_t run) const;
  std::string config_differences() const;
  const RunHistory* dense_twin(const RunHistory& run) const;
  bool many() const { return runs_.size() > 1; }

  const Runs& runs_;
  std::vector<std::string> names_;
};

/// A dense run of the same width, depth and device; null where there is none.
const RunHistory* Page::dense_twin(const RunHistory& run) const {
  const auto is_twin = [&](const RunHistory& other) {
    const auto same = [&](const char* key) { return run.setting(key, 0) == other.setting(key, 0); };
    return other.steps > 0 && other.load.last().empty() && other.log.devices == run.log.devices &&
           same("model.hidden_size") && same("model.num_hidden_layers") && same("data.sequence_length");
  };
  const auto found = std::find_if(runs_.begin(), runs_.end(), is_twin);
  return found == runs_.end() ? nullptr : &*found;
}

std::string Page::verdict_of(size_t run) const {
  const std::vector<Verdict> all = verdicts(runs_[run], dense_twin(runs_[run]));
  std::string lights, html;
  bool worth_a_look = false;
  for (const Verdict& verdict : all) {
    worth_a_look = worth_a_look || verdict.light == Light::kWatch || verdict.light == Light::kBad;
    lights += light_html(verdict.light);
    html += format("<div class=\"verdict %s\"><p class=\"question\">", light_style(verdict.light)) +
            light_html(verdict.light) + escape_html(verdict.question) + "</p><p>" + escape_html(verdict.answer) +
            "</p>";
    if (!verdict.remedy.empty()) html += "<p><i>What to do:</i> " + escape_html(verdict.remedy) + "</p>";
    html += "</div>\n";
  }
  html = "<div class=\"verdicts\">\n" + html + "</div>\n";
  if (!many()) return html;
  return format("<details%s><summary>", worth_a_look ? " open" : "") +
         format("<span class=\"key c%zu\"></span>", run % 8) + escape_html(names_[run]) + lights + "</summary>" + html +
         "</details>\n";
}

/// Settings that are not the same in all runs.
std::string Page::config_differences() const {
  if (!many()) return "";
  std::set<std::string> keys;
  for (const RunHistory& run : runs_) {
    for (const auto& [key, value] : run.settings) keys.insert(key);
  }
  std::string rows;
  size_t count = 0;
  for (const std::string& key : keys) {
    std::set<std::string> different;
    std::vector<std::string> cells;
    for (const RunHistory& run : runs_) {
      const auto found = run.settings.find(key);
      const std::string value = found == run.settings.end() ? "-" : found->second.substr(0, 120);
      different.insert(value);
      cells.push_back(escape_html(value));
    }
    if (different.size() < 2) continue;
    ++count;
    rows += "<tr><td>" + escape_html(key.substr(0, 200)) + "</td><td>" + join(cells, "</td><td>") + "</td></tr>\n";
  }
  if (rows.empty()) return "<p>The runs have the same config.</p>\n";
  std::string html = format("<h3>Configs</h3>\n<details%s><summary>Settings that differ: %zu</summary>",
                            count <= 12 ? " open" : "", count);
  html += "<div class=\"scroll\"><table><tr><th>setting</th>";
  for (const std::string& name : names_) html += "<th>" + escape_html(name) + "</th>";
  return html + "</tr>\n" + rows + "</table></div></details>\n";
}

std::string Page::html(const PageUse& use) const {
  std::string html;
  for (size_t run = 0; run < runs_.size(); ++run) html += verdict_of(run);
  html += run_cards(runs_, names_);
  if (!many()) html += expert_section(runs_.front(), 0);
  html += curves_section(runs_, names_) + config_differences();
  if (many()) html += samples_of_runs(runs_, names_);
  for (size_t run = 0; run < runs_.size(); ++run) {
    if (many()) html += "<h2>" + escape_html(names_[run]) + "</h2>\n";
    if (runs_[run].unreadable_lines > 0) {
      html += format("<p>%s lines of its files could not be read and were left out.</p>\n",
                     with_commas(runs_[run].unreadable_lines).c_str());
    }
    if (many()) html += expert_section(runs_[run], run);
    html += rest_section(runs_[run]);
  }
  return page_frame(join(names_, ", "), html, use);
}

}  // namespace

HistoryLimits limits_for(size_t runs) {
  const auto share = [&](int64_t all, int64_t least, int64_t most) {
    return std::clamp(all / static_cast<int64_t>(runs), least, most);
  };
  return {.buckets = share(1700, 30, 500),
          .load_cells = share(240000, 2000, 240000),
          .text_bytes = static_cast<size_t>(share(200000, 4000, 100000)),
          .domain_items = static_cast<size_t>(share(2400, 100, 2400))};
}

std::string report_page(const Runs& runs, const PageUse& use) {
  return Page(runs).html(use);
}

void write_report(const std::vector<std::string>& folders, const std::string& path) {
  Runs runs;
  for (const std::string& folder : folders) runs.push_back(read_run_history(folder, limits_for(folders.size())));
  write_file_atomic(path, report_page(runs));
}

}  // namespace mm
