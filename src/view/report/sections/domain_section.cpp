// A table of losses, bars of mutual information, and for each layer a heat map and its experts' tokens. Lengths in SVG
// are in units of which a figure is 640 wide.
#include "view/report/sections/domain_section.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/characters/utf8.h"
#include "core/text.h"
#include "view/image/colour_map.h"
#include "view/report/sections/html.h"

namespace mm {
namespace {

constexpr double kDrawingWidth = 640;
constexpr double kRow = 26;
constexpr double kHeader = 22;
constexpr size_t kNumberedExperts = 32;  // columns that are wide enough for their numbers
constexpr size_t kLabelledExperts = 16;  // and for shares

/// A cut name that fits into the left column of a figure, wide characters counted twice; all of it in a tooltip.
std::string row_name(const std::string& name, double x, double y) {
  constexpr size_t kMostWidth = 18;
  std::string shown;
  size_t width = 0;
  for (std::string_view left = name; !left.empty();) {
    const Utf8Character character = first_character(left);
    width += character.code_point < 0x1100 ? 1 : 2;
    if (width > kMostWidth) {
      shown += "\xe2\x80\xa6";
      break;
    }
    shown += left.substr(0, character.length);
    left.remove_prefix(character.length);
  }
  return format("<text x=\"%.0f\" y=\"%.0f\">", x, y) + escape_html(shown) + "<title>" + escape_html(name) +
         "</title></text>";
}

std::string number(double value, int decimals) {
  return std::isfinite(value) ? format("%.*f", decimals, value) : "-";
}

std::string loss_row(const DomainLoss& domain, const std::string& name) {
  const std::vector<std::string> cells = {escape_html(name),
                                          number(domain.loss, 4),
                                          number(domain.perplexity, 2),
                                          number(domain.bits_per_byte, 4),
                                          with_commas(domain.tokens),
                                          with_commas(domain.documents)};
  return "<tr><td>" + join(cells, "</td><td>") + "</td></tr>\n";
}

std::string losses(const DomainReport& report) {
  std::string html =
      "<div class=\"scroll\"><table><tr><th>domain</th><th>loss</th><th>perplexity</th><th>bits/byte</th>"
      "<th>tokens</th><th>documents</th></tr>\n";
  for (const DomainLoss& domain : report.domains) html += loss_row(domain, domain.name);
  if (report.domains.size() > 1) html += loss_row(report.all, "all of them");
  return html + "</table></div>\n";
}

std::string figure(const std::string& title, const std::string& unit, double height, const std::string& drawing) {
  return "<figure class=\"wide\"><figcaption><b>" + title + "</b> <i>" + unit + "</i></figcaption>\n" +
         format("<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\"><title>", kDrawingWidth, height) + title + "</title>" +
         drawing + "</svg></figure>\n";
}

/// In the model.
size_t number_of(const DomainReport& report, size_t layer) {
  return static_cast<size_t>(report.first_layer) + layer;
}

/// A bar a layer; a line across it is the most that shuffled labels gave.
std::string information(const DomainReport& report) {
  constexpr double kLeft = 60, kLength = 240;
  double most = 1e-9;
  for (const LayerDomains& layer : report.layers) most = std::max({most, layer.information, layer.shuffled.max});
  const auto length = [&](double nats) { return std::isfinite(nats) ? kLength * nats / most : 0; };
  std::string svg;
  double y = 0;
  for (size_t i = 0; i < report.layers.size(); ++i, y += kRow) {
    const LayerDomains& layer = report.layers[i];
    const double chance = kLeft + length(layer.shuffled.max);
    svg += format("<text x=\"0\" y=\"%.0f\">layer %zu</text>", y + 17, number_of(report, i));
    svg += format("<rect class=\"bar c0\" x=\"%.0f\" y=\"%.0f\" width=\"%.1f\" height=\"16\"/>", kLeft, y + 5,
                  length(layer.information));
    svg += format("<line class=\"chance c1\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.0f\" y2=\"%.0f\"/>", chance, chance, y + 2,
                  y + 24);
    svg += format("<text x=\"%.0f\" y=\"%.0f\">%s, %s %% of the entropy; shuffled %s, at most %s</text>\n",
                  kLeft + kLength + 10, y + 17, number(layer.information, 3).c_str(),
                  number(100 * layer.information / report.domain_entropy, 1).c_str(),
                  number(layer.shuffled.mean, 3).c_str(), number(layer.shuffled.max, 3).c_str());
  }
  return figure("What an expert tells of the domain", "I(domain; expert) in nats; the line: shuffled labels at most", y,
                svg);
}

std::string cell(double share, size_t expert, size_t experts, double x, double y, double width) {
  const double position = colour_position(share, static_cast<int64_t>(experts));
  const Colour colour = colour_at(position);
  std::string svg = format(
      "<rect x=\"%.1f\" y=\"%.0f\" width=\"%.1f\" height=\"%.0f\" fill=\"#%02x%02x%02x\"><title>expert %zu: %.2f "
      "%%</title></rect>",
      x, y, width, kRow - 1, colour.red, colour.green, colour.blue, expert, 100 * share);
  if (experts > kLabelledExperts) return svg;
  return svg + format("<text class=\"x %s\" x=\"%.1f\" y=\"%.0f\">%.0f</text>",
                      position > 0.55 ? "on-light" : "on-dark", x + width / 2, y + 17, 100 * share);
}

std::string heat_map(const DomainReport& report, size_t index) {
  constexpr double kLeft = 130;
  const LayerDomains& layer = report.layers[index];
  const size_t experts = layer.expert_tokens.columns;
  const double width = (kDrawingWidth - kLeft) / static_cast<double>(experts);
  std::string svg;
  for (size_t expert = 0; expert < experts && experts <= kNumberedExperts; ++expert) {
    svg += format("<text class=\"x\" x=\"%.1f\" y=\"14\">%zu</text>",
                  kLeft + (static_cast<double>(expert) + 0.5) * width, expert);
  }
  double y = kHeader;
  for (size_t domain = 0; domain < report.domains.size(); ++domain, y += kRow) {
    const std::span<const int64_t> counts = layer.expert_tokens.row(domain);
    const auto all = static_cast<double>(std::accumulate(counts.begin(), counts.end(), int64_t{0}));
    svg += row_name(report.domains[domain].name, 0, y + 17);
    for (size_t expert = 0; expert < experts; ++expert) {
      const double share = all > 0 ? static_cast<double>(counts[expert]) / all : 0;
      svg += cell(share, expert, experts, kLeft + static_cast<double>(expert) * width, y, width - (width > 8 ? 1 : 0));
    }
  }
  return figure(format("Layer %zu", number_of(report, index)), "share of a domain's tokens per expert, %", y, svg);
}

std::string typical(const DomainReport& report, size_t index) {
  const LayerDomains& layer = report.layers[index];
  std::string html =
      format("<details><summary>layer %zu</summary><div class=\"scroll\"><table>\n", number_of(report, index));
  html +=
      "<tr><th>expert</th><th class=\"text\">tokens, and how many times as often they go there as others</th></tr>\n";
  for (size_t expert = 0; expert < layer.typical.size(); ++expert) {
    html += format("<tr><td>%zu</td><td class=\"text\">", expert);
    for (const TypicalToken& token : layer.typical[expert]) {
      html += "<span class=\"token\"><code>" + escape_html(token.text) + "</code> <i>" + number(token.lift, 1) +
              "</i></span> ";
    }
    html += "</td></tr>\n";
  }
  return html + "</table></div></details>\n";
}

std::string experts(const DomainReport& report) {
  std::string maps, tokens;
  size_t left_out = 0;
  for (size_t i = 0; i < report.layers.size(); ++i) {
    if (report.layers[i].expert_tokens.counts.empty()) {
      ++left_out;
      continue;
    }
    maps += heat_map(report, i);
    tokens += typical(report, i);
  }
  std::string html = "<div class=\"charts\">\n";
  if (report.domains.size() > 1) html += information(report);
  html += maps + "</div>\n";
  if (!tokens.empty()) html += "<h3>Most typical tokens of each expert</h3>\n" + tokens;
  if (left_out > 0) html += format("<p class=\"soft\">%zu more layers are in domains.json alone.</p>\n", left_out);
  return html;
}

}  // namespace

std::string domain_section(const RunHistory& run) {
  const std::string heading = "<h3>Who does what</h3>\n";
  if (!run.domains_problem.empty()) return heading + "<p>" + escape_html(run.domains_problem) + "</p>\n";
  if (!run.domains) return "";
  const DomainReport& report = *run.domains;
  std::string html = heading + "<p class=\"soft\">" + escape_html(report.text + ", read with " + report.weights);
  if (!report.layers.empty() && report.domains.size() > 1) {
    html += format("; shuffled: the labels of whole documents, %lld times", static_cast<long long>(report.shuffles));
  }
  html += "</p>\n" + losses(report);
  return report.layers.empty() ? html : html + experts(report);
}

}  // namespace mm
