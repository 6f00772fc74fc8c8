// A grid whose columns become rows where there is no room for them.
#include "view/report/sections/sample_section.h"

#include <algorithm>

#include "core/text.h"
#include "view/report/sections/html.h"
#include "view/report/sections/routed_text.h"

namespace mm {
namespace {

std::string plain_text_of(const SampleRecord& sample) {
  return "<pre><b>" + escape_html(sample.prompt) + "</b>" + escape_html(sample.text) + "</pre>";
}

std::string text_of(const SampleRecord& sample) {
  const std::string routed = routed_text(sample);
  return routed.empty() ? plain_text_of(sample) : routed;
}

/// Empty unless a sample tells of experts.
std::string key_to_colours(const std::vector<SampleRecord>& samples) {
  for (const SampleRecord& sample : samples) {
    for (const RoutedPiece& piece : sample.pieces) {
      if (piece.route.layers() > 0) return layer_choice(piece.route);
    }
  }
  return "";
}

std::vector<int64_t> steps_of(const RunHistory& run) {
  std::vector<int64_t> steps;
  for (const SampleRecord& sample : run.samples) {
    if (steps.empty() || steps.back() != sample.step) steps.push_back(sample.step);
  }
  return steps;
}

using AsHtml = std::string (*)(const SampleRecord& sample);

std::string samples_at(const RunHistory& run, int64_t step, AsHtml html_of) {
  std::string html;
  for (const SampleRecord& sample : run.samples) {
    if (sample.step == step) html += html_of(sample) + "\n";
  }
  return html;
}

}  // namespace

std::string samples_over_time(const RunHistory& run) {
  const std::vector<int64_t> steps = steps_of(run);
  if (steps.empty()) return "";
  std::vector<int64_t> beside = {steps.front(), steps[steps.size() / 2], steps.back()};
  beside.erase(std::unique(beside.begin(), beside.end()), beside.end());
  std::string html = "<h3>Samples</h3>\n" + key_to_colours(run.samples) + "<div class=\"beside\">\n";
  for (const int64_t step : beside) {
    html += "<div><p class=\"soft\">step " + with_commas(step) + "</p>" + samples_at(run, step, text_of) + "</div>\n";
  }
  html += "</div>\n";
  for (const int64_t step : steps) {
    if (std::find(beside.begin(), beside.end(), step) != beside.end()) continue;
    html += "<details><summary>step " + with_commas(step) + "</summary>\n" + samples_at(run, step, plain_text_of) +
            "</details>\n";
  }
  return html;
}

std::string samples_of_runs(const std::vector<RunHistory>& runs, const std::vector<std::string>& names) {
  std::vector<std::string> prompts;
  const auto last_samples = [](const RunHistory& run) {
    std::vector<const SampleRecord*> last;
    for (const SampleRecord& sample : run.samples) {
      if (sample.step == run.samples.back().step) last.push_back(&sample);
    }
    return last;
  };
  for (const RunHistory& run : runs) {
    for (const SampleRecord* sample : last_samples(run)) {
      if (std::find(prompts.begin(), prompts.end(), sample->prompt) == prompts.end()) prompts.push_back(sample->prompt);
    }
  }
  std::string html;
  for (const std::string& prompt : prompts) {
    html += "<div class=\"beside\">\n";
    for (size_t i = 0; i < runs.size(); ++i) {
      for (const SampleRecord* sample : last_samples(runs[i])) {
        if (sample->prompt != prompt) continue;
        html += format("<div data-run=\"%zu\"><p class=\"soft\"><span class=\"key c%zu\"></span>", i, i % 8) +
                escape_html(names[i]) + ", step " + with_commas(sample->step) + "</p>" + text_of(*sample) + "</div>\n";
        break;
      }
    }
    html += "</div>\n";
  }
  if (html.empty()) return "";
  std::string key;
  for (const RunHistory& run : runs) {
    if (key.empty()) key = key_to_colours(run.samples);
  }
  return "<h2>Samples</h2>\n" + key + html;
}

}  // namespace mm
