// Every card has the same rows in the same order, so that they line up.
#include "view/report/sections/run_cards.h"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "core/text.h"
#include "view/report/sections/html.h"

namespace mm {
namespace {

using Run = const RunHistory&;
using Rows = std::vector<std::pair<std::string, std::string>>;  // label, HTML

std::string or_dash(const std::string& text) {
  return text.empty() ? "-" : escape_html(text);
}

/// `"data/corpus/a.jsonl"` -> `data/corpus/a.jsonl`, as far as it goes.
std::string unquoted(std::string text) {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') text = text.substr(1, text.size() - 2);
  return text;
}

std::string setting_text(Run run, const std::string& key) {
  const auto found = run.settings.find(key);
  return found == run.settings.end() || found->second == "null" ? "" : unquoted(found->second);
}

/// The files of data.train, by their names alone.
std::string training_files(Run run) {
  constexpr size_t kMost = 6;
  std::vector<std::string> files;
  for (const auto& [key, value] : run.settings) {
    if (!key.starts_with("data.train.") || key.ends_with(".domain")) continue;
    const std::string path = unquoted(value);
    files.push_back(path.substr(path.find_last_of('/') + 1));
  }
  const size_t count = files.size();
  files.resize(std::min(count, kMost));
  return join(files, ", ") + (count > kMost ? format(" and %zu more", count - kMost) : "");
}

/// A count of data.json.
int64_t data_count(Run run, const std::string& key) {
  const auto found = run.data.find(key);
  return found == run.data.end() ? 0 : std::strtoll(found->second.c_str(), nullptr, 10);
}

std::string text_trained_on(Run run) {
  if (!run.data.contains("trained_on.tokens")) return "";
  return short_count(static_cast<double>(data_count(run, "trained_on.tokens"))) + " tokens in " +
         with_commas(data_count(run, "trained_on.documents")) + " documents";
}

/// `3 bad lines (2 bad_json, 1 no_text), 1 empty text`: all that was read otherwise than it stands in the files.
std::string text_passed_over(Run run) {
  constexpr std::string_view kKind = "read.bad_lines.";
  if (!run.data.contains("read.documents")) return "";
  std::vector<std::string> words, kinds;
  for (const auto& [key, count] : run.data) {
    if (key.starts_with(kKind) && !key.ends_with(".total")) kinds.push_back(count + " " + key.substr(kKind.size()));
  }
  const auto add = [&](const char* key, const char* one, const char* many, const std::string& more) {
    const int64_t count = data_count(run, key);
    if (count > 0) words.push_back(with_commas(count) + " " + (count == 1 ? one : many) + more);
  };
  const auto found = run.data.find("read.special_tokens_are");
  const bool are_tokens = found != run.data.end() && found->second == "\"parse\"";
  const bool dropped = run.data.contains("copies.dropped") && run.data.at("copies.dropped") == "true";
  add("read.bad_lines.total", "bad line", "bad lines", " (" + join(kinds, ", ") + ")");
  add("read.empty_texts", "empty text", "empty texts", "");
  add("copies.documents", "copy of a document", "copies of documents", dropped ? " (dropped)" : " (trained on)");
  add("read.special_tokens", "name of a control token", "names of control tokens",
      are_tokens ? " (the tokens)" : " (text)");
  add("read.lone_surrogates", "lone surrogate", "lone surrogates", " (U+FFFD)");
  return words.empty() ? "nothing" : join(words, ", ");
}

Rows rows_of(Run run) {
  const std::vector<Bucket> losses = run.loss.buckets(), mfu = run.mfu.buckets(), memory = run.memory_gib.buckets();
  double mfu_sum = 0, mfu_count = 0;
  for (const Bucket& bucket : mfu) {
    mfu_sum += bucket.sum;
    mfu_count += static_cast<double>(bucket.count);
  }
  const auto most_memory =
      std::max_element(memory.begin(), memory.end(), [](const Bucket& a, const Bucket& b) { return a.max < b.max; });
  Rows rows;
  const auto add = [&](const char* label, const std::string& html) { rows.emplace_back(label, html); };
  add("state", escape_html(state_of(run)));
  const double total = run.setting("train.steps", 0);
  add("steps", with_commas(run.steps) + (total > 0 ? " of " + with_commas(static_cast<int64_t>(total)) : ""));
  add("tokens", short_count(static_cast<double>(run.tokens)));
  add("training loss now", losses.empty() ? "-" : format("%.4f", losses.back().mean()));
  add("best validation loss",
      run.best ? format("%.4f <i>at step %s</i>", run.best->loss, with_commas(run.best->step).c_str()) : "-");
  add("bits/byte there", run.best ? format("%.3f", run.best->bits_per_byte) : "-");
  add("alarms that stand", standing_alarms(run));
  add("tokens/s", run.seconds > 0 ? short_count(static_cast<double>(run.tokens) / run.seconds) : "-");
  add("MFU", mfu_count > 0 ? format("%.0f %%", 100 * mfu_sum / mfu_count) : "-");
  add("most memory", memory.empty() ? "-" : format("%.2f GiB", most_memory->max));
  add("time in steps", run.seconds > 0 ? clock_time(run.seconds) : "-");
  add("skipped steps", with_commas(run.skipped_steps));
  add("resumes", std::to_string(run.log.resumes.size()));
  add("begun", or_dash(run.log.began));
  add("last word", or_dash(run.log.last));
  add("device", or_dash(run.log.devices.empty() ? "" : run.log.devices.back()));
  add("program", or_dash(run.log.program));
  add("tokenizer", or_dash(setting_text(run, "tokenizer.path")));
  add("data", or_dash(training_files(run)));
  add("text", or_dash(text_trained_on(run)));
  add("unusual in it", or_dash(text_passed_over(run)));
  add("model", or_dash(run.log.model));
  return rows;
}

/// The one with the fewest bits per byte; none unless several can be compared.
std::optional<size_t> best_run(const std::vector<RunHistory>& runs) {
  std::optional<size_t> best;
  size_t compared = 0;
  for (size_t i = 0; i < runs.size(); ++i) {
    if (!runs[i].best || !(runs[i].best->bits_per_byte > 0)) continue;
    ++compared;
    if (!best || runs[i].best->bits_per_byte < runs[*best].best->bits_per_byte) best = i;
  }
  return compared > 1 ? best : std::nullopt;
}

}  // namespace

std::string state_of(const RunHistory& run) {
  if (!run.log.ended.empty()) return run.log.ended;
  return run.steps > 0 ? "trains, or was cut off" : "has not begun";
}

std::string standing_alarms(const RunHistory& run) {
  int64_t standing = 0;
  for (const AlarmGroup& group : run.alarms.groups()) standing += group.standing;
  const std::string text = with_commas(standing) + " of " + with_commas(run.alarms.raised()) + " raised";
  return standing > 0 ? "<b class=\"bad\">" + text + "</b>" : text;
}

std::string run_cards(const std::vector<RunHistory>& runs, const std::vector<std::string>& names) {
  const std::optional<size_t> best = best_run(runs);
  std::string html = "<div class=\"cards\">\n";
  for (size_t i = 0; i < runs.size(); ++i) {
    html += format("<section class=\"card%s\" data-run=\"%zu\">", best == i ? " best" : "", i);
    if (runs.size() > 1) {
      html += format("<h3><span class=\"key c%zu\"></span>", i % 8) + escape_html(names[i]) +
              (best == i ? " <b>best</b>" : "") + "</h3>";
    }
    html += "<dl>";
    for (const auto& [label, value] : rows_of(runs[i])) {
      html += "<div><dt>" + label + "</dt><dd>" + value + "</dd></div>";
    }
    html += "</dl></section>\n";
  }
  return html + "</div>\n";
}

}  // namespace mm
