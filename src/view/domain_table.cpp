// Names stand last in a row, so that no width has to be guessed.
#include "view/domain_table.h"

#include <algorithm>
#include <numeric>

#include "core/characters/visible_text.h"
#include "core/text.h"

namespace mm {
namespace {

constexpr size_t kMostColumns = 16;  // experts that are shown one by one
constexpr size_t kNamedOfMany = 4;   // when they are not

using Lines = std::vector<std::string>;

std::string loss_row(const DomainLoss& domain, const std::string& name) {
  return format("%10.4f  %10.3f  %9.4f  %12s  %9s  ", domain.loss, domain.perplexity, domain.bits_per_byte,
                with_commas(domain.tokens).c_str(), with_commas(domain.documents).c_str()) +
         visible_text(name);
}

std::string wide_row(std::span<const int64_t> counts, double all) {
  std::string row;
  for (const int64_t count : counts) row += format(" %5.1f", 100 * static_cast<double>(count) / all);
  return row;
}

std::string short_row(std::span<const int64_t> counts, double all) {
  std::vector<size_t> by_count(counts.size());
  std::iota(by_count.begin(), by_count.end(), size_t{0});
  std::stable_sort(by_count.begin(), by_count.end(), [&](size_t a, size_t b) { return counts[a] > counts[b]; });
  std::string row;
  for (size_t i = 0; i < kNamedOfMany; ++i) {
    row += format(" %4zu:%-5.1f", by_count[i], 100 * static_cast<double>(counts[by_count[i]]) / all);
  }
  return row;
}

std::string header(size_t experts) {
  if (experts > kMostColumns) return " most of its tokens, as expert:share in % | domain";
  std::string line;
  for (size_t expert = 0; expert < experts; ++expert) line += format(" %5zu", expert);
  return line + " | domain";
}

void add_shares(Lines& lines, const DomainReport& report, const LayerDomains& layer) {
  const size_t experts = layer.expert_tokens.columns;
  lines.push_back(header(experts));
  for (size_t i = 0; i < report.domains.size(); ++i) {
    const std::span<const int64_t> counts = layer.expert_tokens.row(i);
    const auto all = static_cast<double>(std::accumulate(counts.begin(), counts.end(), int64_t{0}));
    const std::string row = experts > kMostColumns ? short_row(counts, all) : wide_row(counts, all);
    lines.push_back(row + " | " + visible_text(report.domains[i].name));
  }
}

std::string information(const DomainReport& report, const LayerDomains& layer) {
  return format(
      "I(domain; expert) = %.4f nats, %.1f %% of the domain's entropy; with shuffled labels %.4f, at most %.4f",
      layer.information, 100 * layer.information / report.domain_entropy, layer.shuffled.mean, layer.shuffled.max);
}

void add_typical_tokens(Lines& lines, const LayerDomains& layer) {
  for (size_t expert = 0; expert < layer.typical.size(); ++expert) {
    std::vector<std::string> tokens;
    for (const TypicalToken& token : layer.typical[expert]) {
      tokens.push_back(format("\"%s\" %.1f", token.text.c_str(), token.lift));
    }
    lines.push_back(format("expert %zu: ", expert) + (tokens.empty() ? "-" : join(tokens, ", ")));
  }
}

}  // namespace

std::string domain_loss_table(const DomainReport& report) {
  Lines lines = {"      loss  perplexity  bits/byte        tokens  documents  domain"};
  for (const DomainLoss& domain : report.domains) {
    lines.push_back(loss_row(domain, domain.name) + "  " + visible_text(join(domain.files, ", ")));
  }
  if (report.domains.size() > 1) lines.push_back(loss_row(report.all, "all of them"));
  return join(lines, "\n");
}

std::string domain_expert_table(const DomainReport& report) {
  const size_t experts = report.layers.front().expert_tokens.columns;
  Lines lines = {format("share of each domain's tokens per expert in %%, a fair share is %.3g",
                        100.0 / static_cast<double>(experts))};
  if (experts <= kMostColumns) lines[0] += "; below, tokens that go to an expert x times as often as others do";
  for (size_t i = 0; i < report.layers.size(); ++i) {
    const LayerDomains& layer = report.layers[i];
    lines.insert(lines.end(), {"", format("layer %zu", static_cast<size_t>(report.first_layer) + i)});
    add_shares(lines, report, layer);
    if (report.domains.size() > 1) lines.push_back(information(report, layer));
    if (experts <= kMostColumns) add_typical_tokens(lines, layer);
  }
  return join(lines, "\n");
}

}  // namespace mm
