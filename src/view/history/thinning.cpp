#include "view/history/thinning.h"

#include <algorithm>
#include <string>

#include "core/error.h"

namespace mm {
namespace {

/// Cuts a text to what a page has room for.
void cut(std::string& text, size_t most_bytes = 48) {
  if (text.size() > most_bytes) text.resize(most_bytes);
}

}  // namespace

void thin_samples(std::vector<SampleRecord>& samples, size_t most_bytes) {
  constexpr size_t kMostSteps = 12;
  std::vector<int64_t> steps;
  for (const SampleRecord& sample : samples) {
    if (steps.empty() || steps.back() != sample.step) steps.push_back(sample.step);
  }
  std::vector<int64_t> kept;
  const size_t count = std::min(kMostSteps, steps.size());
  for (size_t i = 0; i < count; ++i) kept.push_back(steps[count == 1 ? 0 : i * (steps.size() - 1) / (count - 1)]);
  std::erase_if(samples, [&](const SampleRecord& sample) {
    return std::find(kept.begin(), kept.end(), sample.step) == kept.end();
  });
  const size_t most_each = most_bytes / std::max<size_t>(samples.size(), 1);
  for (SampleRecord& sample : samples) {
    for (std::string* part : {&sample.prompt, &sample.text}) part->resize(std::min(part->size(), most_each / 2));
  }
}

void thin_domains(DomainReport& report, const std::string& path, size_t most_items) {
  size_t items = report.domains.size() + report.layers.size();
  if (items > most_items / 4) {
    throw Error(ExitCode::kData, got_want(path, std::to_string(items) + " domains and layers",
                                          "at most " + std::to_string(most_items / 4) + " on one page"));
  }
  cut(report.text);
  cut(report.weights, 400);
  for (DomainLoss& domain : report.domains) cut(domain.name);
  for (LayerDomains& layer : report.layers) {
    items += layer.expert_tokens.counts.size();
    for (std::vector<TypicalToken>& tokens : layer.typical) {
      items += 1 + tokens.size();
      for (TypicalToken& token : tokens) cut(token.text);
    }
    if (items <= most_items) continue;
    layer.expert_tokens.counts.clear();
    layer.typical.clear();
  }
}

}  // namespace mm
