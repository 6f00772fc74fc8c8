// A grid whose columns become rows where there is no room for them.
#include "view/report/sample_section.h"

#include <algorithm>

#include "core/text.h"
#include "view/report/html.h"

namespace mm {
namespace {

std::string text_of(const SampleRecord& sample) {
  return "<pre><b>" + escape_html(sample.prompt) + "</b>" + escape_html(sample.text) + "</pre>";
}

std::vector<int64_t> steps_of(const RunHistory& run) {
  std::vector<int64_t> steps;
  for (const SampleRecord& sample : run.samples) {
    if (steps.empty() || steps.back() != sample.step) steps.push_back(sample.step);
  }
  return steps;
}

std::string samples_at(const RunHistory& run, int64_t step) {
  std::string html;
  for (const SampleRecord& sample : run.samples) {
    if (sample.step == step) html += text_of(sample) + "\n";
  }
  return html;
}

}  // namespace

std::string samples_over_time(const RunHistory& run) {
  const std::vector<int64_t> steps = steps_of(run);
  if (steps.empty()) return "";
  std::vector<int64_t> beside = {steps.front(), steps[steps.size() / 2], steps.back()};
  beside.erase(std::unique(beside.begin(), beside.end()), beside.end());
  std::string html = "<h3>Samples</h3>\n<div class=\"beside\">\n";
  for (const int64_t step : beside) {
    html += "<div><p class=\"soft\">step " + with_commas(step) + "</p>" + samples_at(run, step) + "</div>\n";
  }
  html += "</div>\n";
  for (const int64_t step : steps) {
    if (std::find(beside.begin(), beside.end(), step) != beside.end()) continue;
    html += "<details><summary>step " + with_commas(step) + "</summary>\n" + samples_at(run, step) + "</details>\n";
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
  return html.empty() ? "" : "<h2>Samples</h2>\n" + html;
}

}  // namespace mm
