// The cells are made once; the two tables differ in what stands between them.
#include "experiment/result/table.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/terminal/terminal.h"
#include "core/text.h"

namespace mm {
namespace {

using Json = nlohmann::ordered_json;
using Cells = std::vector<std::string>;

/// "5.4388 ± 0.0152"; without the second part for one value.
std::string mean_cell(const Interval& interval, int digits) {
  if (interval.count == 0) return "-";
  std::string cell = format("%.*f", digits, interval.mean);
  if (interval.count > 1) cell += format(" ± %.*f", digits, interval.high - interval.mean);
  return cell;
}

/// "-0.0246 (-0.0571..+0.0079)"
std::string difference_cell(const std::optional<Interval>& difference) {
  if (!difference) return "-";
  std::string cell = format("%+.4f", difference->mean);
  if (difference->count > 1) cell += format(" (%+.4f..%+.4f)", difference->low, difference->high);
  return cell;
}

/// "1.35 (1.20..1.52)"
std::string multiplier_cell(const std::optional<Interval>& ratio) {
  if (!ratio) return "-";
  std::string cell = format("%.2f", ratio->mean);
  if (ratio->count > 1) cell += format(" (%.2f..%.2f)", ratio->low, ratio->high);
  return cell;
}

std::string runs_cell(const ComparisonRow& row) {
  std::string cell = std::to_string(row.finished);
  if (row.missing > 0) cell += format(" of %lld", static_cast<long long>(row.finished + row.missing + row.failed));
  if (row.failed > 0) cell += format(", %lld failed", static_cast<long long>(row.failed));
  return cell;
}

Cells heading(const ExperimentFile& file) {
  return {"variant",  "validation loss", "bits/byte", "difference to " + file.compare_to,
          "so it is", "tok/s",           "x tokens",  "x seconds",
          "dead",     "alarms",          "runs"};
}

Cells cells_of(const ComparisonRow& row) {
  return {row.name,
          mean_cell(row.loss, 4),
          mean_cell(row.bits_per_byte, 4),
          difference_cell(row.difference),
          row.difference ? std::string(verdict(*row.difference)) : "-",
          row.tokens_per_second.count > 0 ? short_count(row.tokens_per_second.mean) : "-",
          multiplier_cell(row.token_multiplier),
          multiplier_cell(row.second_multiplier),
          std::to_string(row.dead_experts),
          std::to_string(row.alarms),
          runs_cell(row)};
}

/// JSON has no infinity.
Json finite(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

Json to_json(const Interval& interval) {
  return {{"mean", interval.count > 0 ? Json(interval.mean) : Json(nullptr)},
          {"low", finite(interval.low)},
          {"high", finite(interval.high)},
          {"n", interval.count}};
}

Json to_json(const std::optional<Interval>& interval) {
  return interval ? to_json(*interval) : Json(nullptr);
}

Json to_json(const RunResult& run, int64_t seed) {
  constexpr const char* kStates[] = {"missing", "begun", "finished", "failed"};
  Json json = {{"seed", seed}, {"state", kStates[static_cast<int>(run.state)]}, {"step", run.step}};
  if (run.state == RunResult::State::kFailed) json["failure"] = run.failure;
  json["tokens_per_second"] = run.tokens_per_second;
  json["dead_experts"] = run.dead_experts;
  json["alarms"] = run.alarms;
  json["evaluations"] = Json::array();
  for (const EvaluationPoint& point : run.evaluations) {
    json["evaluations"].push_back({{"step", point.step},
                                   {"tokens", point.tokens},
                                   {"seconds", point.seconds},
                                   {"loss", point.loss},
                                   {"bits_per_byte", point.bits_per_byte}});
  }
  return json;
}

}  // namespace

std::vector<Cells> table_cells(const ExperimentFile& file, const std::vector<ComparisonRow>& rows) {
  std::vector<Cells> lines = {heading(file)};
  for (const ComparisonRow& row : rows) lines.push_back(cells_of(row));
  return lines;
}

std::vector<std::string> explanation(const ExperimentFile& file) {
  return {format("%s each, %zu seed%s; means and differences with their 95%% intervals", describe(file.budget).c_str(),
                 file.seeds.size(), file.seeds.size() == 1 ? "" : "s"),
          "a difference is taken seed by seed, and decided when its interval leaves out 0",
          "x tokens, x seconds: what " + file.compare_to + " needs for the same loss, as a multiple of the variant's"};
}

std::vector<std::string> failures(const std::vector<ComparisonRow>& rows) {
  std::vector<std::string> lines;
  for (const ComparisonRow& row : rows) {
    if (row.failed > 0) lines.push_back(row.name + ": " + row.failure);
  }
  return lines;
}

std::string terminal_table(const ExperimentFile& file, const std::vector<ComparisonRow>& rows) {
  const std::vector<Cells> lines = table_cells(file, rows);
  std::vector<size_t> widths(lines[0].size(), 0);
  for (const Cells& cells : lines) {
    for (size_t i = 0; i < cells.size(); ++i) widths[i] = std::max(widths[i], display_columns(cells[i]));
  }
  std::string text;
  for (const Cells& cells : lines) {
    std::string line;
    for (size_t i = 0; i < cells.size(); ++i) {
      line += cells[i];
      if (i + 1 < cells.size()) line.append(widths[i] - display_columns(cells[i]) + 2, ' ');
    }
    text += line + "\n";
  }
  text += join(explanation(file), "\n");
  for (const std::string& failure : failures(rows)) text += "\nfailed      " + failure;
  return text;
}

std::string markdown_table(const ExperimentFile& file, const std::vector<ComparisonRow>& rows) {
  std::string text = "# " + file.name + "\n\n";
  if (!file.about.empty()) text += file.about + "\n\n";
  text += "```\nexperiment " + file.path + "\n```\n\n";
  const auto line = [](const Cells& cells) { return "| " + join(cells, " | ") + " |\n"; };
  const std::vector<Cells> lines = table_cells(file, rows);
  text += line(lines[0]) + line(Cells(lines[0].size(), "---"));
  for (size_t i = 1; i < lines.size(); ++i) text += line(lines[i]);
  text += "\n" + join(explanation(file), "; ") + ".\n";
  for (const std::string& failure : failures(rows)) text += "\n- failed: " + failure + "\n";
  return text;
}

std::string json_table(const ExperimentFile& file, const std::vector<VariantResults>& variants,
                       const std::vector<ComparisonRow>& rows) {
  constexpr const char* kKinds[] = {"tokens", "flops", "seconds"};
  Json json = {{"experiment", file.name},
               {"about", file.about},
               {"base", file.base},
               {"compare_to", file.compare_to},
               {"budget", {{kKinds[static_cast<int>(file.budget.kind)], file.budget.amount}}},
               {"seeds", file.seeds},
               {"variants", Json::array()}};
  for (size_t i = 0; i < rows.size(); ++i) {
    const ComparisonRow& row = rows[i];
    Json& variant = json["variants"].emplace_back();
    variant["name"] = row.name;
    variant["settings"] = Json::object();
    for (const KeyValue& setting : variants[i].settings) {
      variant["settings"][setting.key] = Json::parse(setting.json, nullptr, /*allow_exceptions=*/false);
    }
    variant["steps"] = variants[i].steps;
    variant["finished"] = row.finished;
    variant["failed"] = row.failed;
    variant["missing"] = row.missing;
    variant["loss"] = to_json(row.loss);
    variant["bits_per_byte"] = to_json(row.bits_per_byte);
    variant["difference"] = to_json(row.difference);
    variant["verdict"] = row.difference ? Json(std::string(verdict(*row.difference))) : Json(nullptr);
    variant["tokens_per_second"] = to_json(row.tokens_per_second);
    variant["seconds"] = to_json(row.seconds);
    variant["token_multiplier"] = to_json(row.token_multiplier);
    variant["second_multiplier"] = to_json(row.second_multiplier);
    variant["dead_experts"] = row.dead_experts;
    variant["alarms"] = row.alarms;
    variant["runs"] = Json::array();
    for (size_t run = 0; run < variants[i].runs.size(); ++run) {
      variant["runs"].push_back(to_json(variants[i].runs[run], file.seeds[run]));
    }
  }
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace mm
