// What the runs have in common first, side by side; then each of them alone.
#include "view/report/report_page.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "core/files.h"
#include "core/text.h"
#include "metrics/load_statistics.h"
#include "view/report/html.h"
#include "view/report/line_chart.h"
#include "view/report/page_assets.h"
#include "view/report/run_section.h"

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

  std::string html() const;

 private:
  /// A curve of every run, and where `second` is given another one of the same run, dashed.
  using Pick = const Series& (*)(const RunHistory&);
  struct Picked {
    const char* name;
    Pick pick;
  };
  std::string chart(const char* title, const char* unit, Picked first, Picked second = {"", nullptr},
                    bool from_zero = false) const;
  std::string charts() const;
  std::string numbers() const;
  std::string config_differences() const;
  std::string row_of(size_t run) const;

  bool many() const { return runs_.size() > 1; }

  const Runs& runs_;
  std::vector<std::string> names_;
};

std::string Page::chart(const char* title, const char* unit, Picked first, Picked second, bool from_zero) const {
  LineChart chart{.title = title, .unit = unit, .from_zero = from_zero};
  if (many() && second.pick != nullptr) chart.unit += format("; %s, dashed: %s", first.name, second.name);
  for (size_t run = 0; run < runs_.size(); ++run) {
    const int colour = static_cast<int>(run);
    chart.last_step = std::max(chart.last_step, runs_[run].steps);
    chart.curves.push_back(
        {.name = many() ? names_[run] : first.name, .colour = colour, .buckets = first.pick(runs_[run]).buckets()});
    if (second.pick == nullptr) continue;
    chart.curves.push_back({.name = many() ? names_[run] + ", " + second.name : second.name,
                            .colour = many() ? colour : 1,
                            .dashed = many(),
                            .buckets = second.pick(runs_[run]).buckets()});
  }
  if (!many()) chart.marks = runs_.front().resumes;
  return line_chart(chart);
}

std::string Page::charts() const {
  using Run = const RunHistory&;
  std::string html = "<div class=\"charts\">\n";
  html += chart("Loss", "nats per token", {"training", [](Run run) -> const Series& { return run.loss; }},
                {"validation", [](Run run) -> const Series& { return run.validation; }});
  html += chart("Gradient norm", "before clipping", {"", [](Run run) -> const Series& { return run.grad_norm; }},
                {"", nullptr}, true);
  html +=
      chart("Learning rate", "", {"", [](Run run) -> const Series& { return run.learning_rate; }}, {"", nullptr}, true);
  html += chart("Throughput", "tokens per second", {"", [](Run run) -> const Series& { return run.tokens_per_second; }},
                {"", nullptr}, true);
  html += chart("MFU", "model FLOP/s over the GEMM rate of the device",
                {"", [](Run run) -> const Series& { return run.mfu; }}, {"", nullptr}, true);
  html += chart("Memory", "GiB in use behind each step", {"", [](Run run) -> const Series& { return run.memory_gib; }},
                {"", nullptr}, true);
  const bool routed = std::any_of(runs_.begin(), runs_.end(), [](Run run) { return !run.load.last().empty(); });
  if (routed) {
    html += chart("Balance losses", "nats, as they enter the gradient",
                  {"aux", [](Run run) -> const Series& { return run.aux_loss; }},
                  {"z", [](Run run) -> const Series& { return run.z_loss; }}, true);
    html += chart("Busiest expert of the worst layer", "fair shares",
                  {"", [](Run run) -> const Series& { return run.load.max_over_mean; }});
    html += chart("Gate gradient of the language-model loss", "relative to all parameters, per weight",
                  {"least layer", [](Run run) -> const Series& { return run.gate_gradient; }},
                  {"most", [](Run run) -> const Series& { return run.gate_gradient_most; }}, true);
    html += chart("Token entropy", "nats, mean over layers: high is undecided",
                  {"", [](Run run) -> const Series& { return run.token_entropy; }}, {"", nullptr}, true);
    html += chart("Churn", "share of the probe's pairs with another expert",
                  {"", [](Run run) -> const Series& { return run.churn; }}, {"", nullptr}, true);
  }
  return html + "</div>\n";
}

std::string Page::row_of(size_t index) const {
  const RunHistory& run = runs_[index];
  const std::vector<Bucket> losses = run.loss.buckets();
  const std::vector<Bucket> mfu = run.mfu.buckets();
  double mfu_sum = 0, mfu_count = 0;
  for (const Bucket& bucket : mfu) {
    mfu_sum += bucket.sum;
    mfu_count += static_cast<double>(bucket.count);
  }
  const std::vector<Bucket> memory = run.memory_gib.buckets();
  const auto most_memory =
      std::max_element(memory.begin(), memory.end(), [](const Bucket& a, const Bucket& b) { return a.max < b.max; });
  std::vector<std::string> cells;
  cells.push_back(with_commas(run.steps));
  cells.push_back(short_count(static_cast<double>(run.tokens)));
  cells.push_back(losses.empty() ? "-" : format("%.4f", losses.back().mean()));
  cells.push_back(run.best ? format("%.4f <i>at step %s</i>", run.best->loss, with_commas(run.best->step).c_str())
                           : "-");
  cells.push_back(run.best ? format("%.3f", run.best->bits_per_byte) : "-");
  const auto per_second = [&] { return short_count(static_cast<double>(run.tokens) / run.seconds); };
  cells.push_back(run.seconds > 0 ? per_second() : "-");
  cells.push_back(mfu_count > 0 ? format("%.0f %%", 100 * mfu_sum / mfu_count) : "-");
  cells.push_back(memory.empty() ? "-" : format("%.2f GiB", most_memory->max));
  cells.push_back(run.seconds > 0 ? clock_time(run.seconds) : "-");
  cells.push_back(run.load.last().empty() ? "-" : std::to_string(load_statistics(run.load.last()).dead));
  cells.push_back(std::to_string(run.skipped_steps));
  cells.push_back(std::to_string(run.resumes.size()));
  const std::string key = many() ? format("<span class=\"key c%zu\"></span>", index % 8) : "";
  return "<tr><td>" + key + escape_html(names_[index]) + "</td><td>" + join(cells, "</td><td>") + "</td></tr>\n";
}

std::string Page::numbers() const {
  std::string html =
      "<div class=\"scroll\"><table><tr><th>run</th><th>steps</th><th>tokens</th><th>training loss now</th>"
      "<th>best validation loss</th><th>bits/byte there</th><th>tokens/s</th><th>MFU</th><th>most memory</th><th>time "
      "in steps</th>"
      "<th>dead experts now</th><th>skipped steps</th><th>resumes</th></tr>\n";
  for (size_t run = 0; run < runs_.size(); ++run) html += row_of(run);
  return html + "</table></div>\n";
}

/// Settings that are not the same in all runs.
std::string Page::config_differences() const {
  if (!many()) return "";
  std::vector<std::map<std::string, std::string>> settings;
  std::set<std::string> keys;
  for (const RunHistory& run : runs_) {
    auto& values = settings.emplace_back();
    const auto config = nlohmann::json::parse(run.config, nullptr, /*allow_exceptions=*/false);
    if (!config.is_object()) continue;
    const auto flat = config.flatten();
    for (const auto& [key, value] : flat.items()) {
      values[key] = value.dump();
      keys.insert(key);
    }
  }
  std::string rows;
  size_t count = 0;
  for (const std::string& key : keys) {
    std::set<std::string> different;
    std::vector<std::string> cells;
    for (const auto& values : settings) {
      const auto found = values.find(key);
      const std::string value = found == values.end() ? "-" : found->second.substr(0, 120);
      different.insert(value);
      cells.push_back(escape_html(value));
    }
    if (different.size() < 2) continue;
    ++count;
    std::string name = key.substr(1);
    std::replace(name.begin(), name.end(), '/', '.');
    rows += "<tr><td>" + escape_html(name.substr(0, 200)) + "</td><td>" + join(cells, "</td><td>") + "</td></tr>\n";
  }
  if (rows.empty()) return "<p>The runs have the same config.</p>\n";
  std::string html = format("<h3>Configs</h3>\n<details%s><summary>Settings that differ: %zu</summary>",
                            count <= 12 ? " open" : "", count);
  html += "<div class=\"scroll\"><table><tr><th>setting</th>";
  for (const std::string& name : names_) html += "<th>" + escape_html(name) + "</th>";
  return html + "</tr>\n" + rows + "</table></div></details>\n";
}

std::string Page::html() const {
  const std::string title = escape_html(join(names_, ", "));
  std::string html =
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
      "script-src 'unsafe-inline'\"><meta name=\"viewport\" content=\"width=device-width\">\n<title>" +
      title + "</title>\n<style>" + page_style() + "</style></head>\n<body>\n<h1>" + title + "</h1>\n";
  if (!many() && !runs_.front().model.empty()) {
    html += "<p class=\"soft\">" + escape_html(runs_.front().model) + "</p>\n";
  }
  html += numbers() + charts() + config_differences();
  for (size_t run = 0; run < runs_.size(); ++run) {
    if (many()) html += "<h2>" + escape_html(names_[run]) + "</h2>\n";
    if (many()) html += "<p class=\"soft\">" + escape_html(runs_[run].model) + "</p>\n";
    if (runs_[run].unreadable_lines > 0) {
      html += format("<p>%s lines of its files could not be read and were left out.</p>\n",
                     with_commas(runs_[run].unreadable_lines).c_str());
    }
    html += run_section(runs_[run]);
  }
  return html + "<script>" + page_script() + "</script>\n</body></html>\n";
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

std::string report_page(const Runs& runs) {
  return Page(runs).html();
}

void write_report(const std::vector<std::string>& folders, const std::string& path) {
  Runs runs;
  for (const std::string& folder : folders) runs.push_back(read_run_history(folder, limits_for(folders.size())));
  write_file_atomic(path, report_page(runs));
}

}  // namespace mm
