// A piece is `3:61 1:39|0:55 2:45` to the script: of each layer the experts with their weights in percent.
#include "view/report/sections/routed_text.h"

#include <algorithm>
#include <cmath>

#include "core/text.h"
#include "view/image/colour_map.h"
#include "view/report/sections/html.h"

namespace mm {
namespace {

constexpr double kDarkInkFrom = 0.45;

std::string route_text(const TokenRoute& route) {
  std::string text;
  for (size_t i = 0; i < route.experts.size(); ++i) {
    if (i > 0) text += i % static_cast<size_t>(route.slots) == 0 ? "|" : " ";
    text += format("%d:%ld", route.experts[i], std::lround(100 * static_cast<double>(route.weights[i])));
  }
  return text;
}

std::string piece_html(const RoutedPiece& piece) {
  const TokenRoute& route = piece.route;
  const int64_t expert = route.main_expert(route.last_layer());
  if (expert < 0 || route.weights.size() != route.experts.size()) return escape_html(piece.text);
  const double position = expert_position(expert, route.experts_per_layer);
  const Colour colour = colour_at(position);
  return format(
             "<span style=\"background:rgb(%d,%d,%d);color:%s\" data-of=\"%lld\" data-first=\"%lld\" "
             "data-route=\"",
             colour.red, colour.green, colour.blue, position > kDarkInkFrom ? "#10131a" : "#fff",
             static_cast<long long>(route.experts_per_layer), static_cast<long long>(route.first_layer)) +
         route_text(route) + "\">" + escape_html(piece.text) + "</span>";
}

constexpr const char* kRoutedScript = R"js(
// Texts whose tokens have the colours of their experts: of a layer that can be chosen, and all layers in a tooltip.
const expertsOf = piece => piece.dataset.route.split('|').map(layer => layer.split(' ').map(pair =>
  pair.split(':').map(Number)));
const paintRouted = layer => {
  for (const piece of document.querySelectorAll('[data-route]')) {
    const layers = expertsOf(piece), row = layer - Number(piece.dataset.first);
    const [expert] = (layers[row] ?? layers[layers.length - 1])[0];
    const position = (expert + 0.5) / Number(piece.dataset.of);
    piece.style.background = 'rgb(' + colourAt(position) + ')';
    piece.style.color = position > 0.45 ? '#10131a' : '#fff';
  }
  for (const choice of document.querySelectorAll('.layer')) {
    choice.querySelector('input').value = layer;
    choice.querySelector('output').textContent = 'layer ' + layer;
  }
};
const startRouted = () => {
  for (const choice of document.querySelectorAll('.layer')) {
    choice.hidden = false;
    choice.addEventListener('input', event => {
      view.layer = Number(event.target.value);
      paintRouted(view.layer);
    });
  }
  if (view.layer !== undefined) paintRouted(view.layer);
  for (const text of document.querySelectorAll('.routed')) {
    text.addEventListener('pointerover', ({target: piece}) => {
      if (!piece.dataset.route || piece.title) return;
      piece.title = expertsOf(piece).map((experts, row) => 'layer ' + (Number(piece.dataset.first) + row) + ': ' +
        experts.map(([expert, weight]) => 'expert ' + expert + ' ' + weight + ' %').join(', ')).join('\n');
    });
  }
};
)js";

}  // namespace

std::string routed_text(const SampleRecord& sample) {
  constexpr size_t kMostBytes = 120000;
  if (sample.pieces.empty()) return "";
  std::string html;
  // The prompt stands out, as it does where nothing is known of the tokens.
  size_t prompt = sample.prompt.size();
  bool in_prompt = prompt > 0;
  if (in_prompt) html += "<b>";
  for (const RoutedPiece& piece : sample.pieces) {
    if (in_prompt && prompt == 0) {
      html += "</b>";
      in_prompt = false;
    }
    prompt -= std::min(prompt, piece.text.size());
    html += piece_html(piece);
  }
  if (in_prompt) html += "</b>";
  return html.size() > kMostBytes ? "" : "<pre class=\"routed\">" + html + "</pre>";
}

std::string layer_choice(const TokenRoute& route) {
  const int64_t experts = route.experts_per_layer;
  std::string key;
  for (int64_t expert = 0; expert < std::min<int64_t>(experts, 64); ++expert) {
    const double position = expert_position(expert, experts);
    const Colour colour = colour_at(position);
    key += format("<span style=\"background:rgb(%d,%d,%d);color:%s\">&nbsp;%lld&nbsp;</span>", colour.red, colour.green,
                  colour.blue, position > kDarkInkFrom ? "#10131a" : "#fff", static_cast<long long>(expert));
  }
  return "<p class=\"soft\">Every token has the colour of its expert: " + key +
         " Point at one to see all layers with their weights.</p>\n" +
         format(
             "<label class=\"slider layer\" hidden>Colour by <input type=\"range\" min=\"%lld\" "
             "max=\"%lld\" value=\"%lld\"><output>layer %lld</output></label>\n",
             static_cast<long long>(route.first_layer), static_cast<long long>(route.last_layer()),
             static_cast<long long>(route.last_layer()), static_cast<long long>(route.last_layer()));
}

std::string routed_script() {
  return kRoutedScript;
}

}  // namespace mm
