// Written as CSS and JavaScript; the colours of the heat maps are filled in.
#include "view/report/page_assets.h"

#include <vector>

#include "core/text.h"
#include "view/colour_map.h"

namespace mm {
namespace {

// The curve colours are told apart by the colour-blind too (Okabe and Ito, "Color universal design", 2008).
constexpr const char* kStyle = R"css(
:root { color-scheme: light dark; --paper: #fff; --ink: #1c2430; --soft: #5d6878; --rule: #e3e7ec; --panel: #f7f8fa;
  --c0: #0072b2; --c1: #d55e00; --c2: #009e73; --c3: #aa4a86; --c4: #b07d00; --c5: #3a9bd0; --c6: #555;
  --c7: #8c6d31; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #14181f; --ink: #dfe5ec; --soft: #93a0b0; --rule: #2a313b; --panel: #1b212a;
    --c0: #5ab4ec; --c1: #f08a4b; --c2: #3fc79a; --c3: #d98cb9; --c4: #e6b544; --c5: #8fd0f5; --c6: #aaa;
    --c7: #c9a86a; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 1340px; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, "Segoe UI", "Noto Sans", "Noto Sans CJK SC", sans-serif; }
h1 { font-size: 1.5rem; margin: 0; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .5rem; padding-top: 1rem; border-top: 1px solid var(--rule); }
h3 { font-size: 1rem; margin: 1.5rem 0 .4rem; }
p { margin: .3rem 0; }
.soft, i { color: var(--soft); font-style: normal; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .75rem .3rem 0; text-align: right; border-bottom: 1px solid var(--rule);
  white-space: nowrap; }
th { color: var(--soft); font-weight: 500; } th:first-child, td:first-child, td.text, th.text { text-align: left; }
td.text { white-space: normal; overflow-wrap: anywhere; max-width: 34rem; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 30rem), 1fr)); gap: 1rem;
  margin-top: 1rem; }
figure { margin: 0; padding: .75rem; background: var(--panel); border-radius: 8px; min-width: 0; }
figcaption { display: flex; flex-wrap: wrap; gap: 0 .6rem; font-size: .87rem; }
figcaption output { flex-basis: 100%; min-height: 1.5em; color: var(--soft); font-variant-numeric: tabular-nums; }
svg { display: block; width: 100%; height: auto; touch-action: pan-y; }
svg text { font-size: 11px; fill: var(--soft); } text.y { text-anchor: end; } text.x { text-anchor: middle; }
@media (max-width: 40rem) { .chart svg text { font-size: 14px; } }
.axis line { stroke: var(--rule); }
.line { fill: none; stroke: currentColor; stroke-width: 1.6; stroke-linejoin: round; }
.band { fill: currentColor; opacity: .16; } circle { fill: currentColor; } .dashed { stroke-dasharray: 5 3; }
line.resume { stroke: var(--soft); stroke-dasharray: 2 3; } line.cursor { stroke: var(--soft); }
.c0 { color: var(--c0); } .c1 { color: var(--c1); } .c2 { color: var(--c2); } .c3 { color: var(--c3); }
.c4 { color: var(--c4); } .c5 { color: var(--c5); } .c6 { color: var(--c6); } .c7 { color: var(--c7); }
.key { display: inline-block; width: 1.1rem; border-top: 2.5px solid currentColor; vertical-align: middle;
  margin: 0 .3rem 0 .5rem; }
.maps { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 19rem), 1fr)); gap: .75rem; }
canvas { display: block; width: 100%; image-rendering: pixelated; cursor: crosshair; border-radius: 3px; }
.map { position: relative; }
.map .at { position: absolute; top: 0; bottom: 0; width: 2px; background: #fff; outline: 1px solid #000;
  pointer-events: none; }
.slider { display: flex; flex-wrap: wrap; gap: .25rem .75rem; align-items: center; margin: .5rem 0; }
.slider input { flex: 1 1 12rem; accent-color: var(--c0); }
.slider output { min-width: 13rem; font-variant-numeric: tabular-nums; }
.shares th, .shares td { padding: .25rem .4rem; text-align: center; border: 1px solid var(--paper);
  font-size: .8rem; }
.shares td { min-width: 1rem; height: 1.5rem; } .shares th:first-child { padding-left: 0; text-align: left; }
.scale { display: flex; align-items: center; gap: .5rem; font-size: .8rem; color: var(--soft); }
.scale span:nth-child(2) { width: 9rem; height: .7rem; border-radius: 3px; }
.bar { fill: currentColor; } .chance { stroke: currentColor; stroke-width: 2; }
svg .on-dark { fill: #fff; } svg .on-light { fill: #10131a; }
.token { display: inline-block; margin-right: .6rem; }
code { padding: .1rem .3rem; background: var(--rule); border-radius: 4px; white-space: pre-wrap; }
pre { margin: .3rem 0; padding: .75rem; background: var(--panel); border-radius: 8px; overflow-x: auto;
  white-space: pre-wrap; overflow-wrap: anywhere; font-size: .85rem; }
summary { cursor: pointer; } details { margin: .4rem 0; } pre b { color: var(--c0); font-weight: 600; }
)css";

constexpr const char* kScript = R"js(
'use strict';
const shown = x => Math.abs(x) >= 1e4 ? x.toExponential(2) : Number(x.toPrecision(4)).toString();
const colourAt = position => {
  const place = Math.min(Math.max(position, 0), 1) * (stops.length - 1);
  const below = Math.min(Math.floor(place), stops.length - 2), part = place - below;
  return stops[below].map((from, i) => Math.round(from + part * (stops[below + 1][i] - from)));
};

// Charts: the values under the pointer.
for (const figure of document.querySelectorAll('.chart')) {
  const svg = figure.querySelector('svg'), output = figure.querySelector('output');
  const scale = text => {
    const [low, high, start, end] = text.split(' ').map(Number);
    return pixel => low + (pixel - start) / (end - start) * (high - low);
  };
  const step = scale(svg.dataset.x), value = scale(svg.dataset.y);
  const lines = [...svg.querySelectorAll('polyline')].map(line => ({
    name: line.dataset.name,
    points: line.getAttribute('points').trim().split(' ').map(point => point.split(',').map(Number)),
  }));
  const cursor = document.createElementNS('http://www.w3.org/2000/svg', 'line');
  cursor.setAttribute('class', 'cursor');
  cursor.setAttribute('y1', 10);
  cursor.setAttribute('y2', 212);
  svg.addEventListener('pointermove', event => {
    const box = svg.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width * svg.viewBox.baseVal.width;
    const nearest = lines.map(line => ({
      name: line.name,
      point: line.points.reduce((a, b) => Math.abs(b[0] - x) < Math.abs(a[0] - x) ? b : a),
    }));
    const at = nearest.reduce((a, b) => Math.abs(b.point[0] - x) < Math.abs(a.point[0] - x) ? b : a).point[0];
    cursor.setAttribute('x1', at);
    cursor.setAttribute('x2', at);
    svg.append(cursor);
    output.textContent = 'step ' + Math.round(step(at)).toLocaleString('en') + ': ' +
      nearest.map(line => (lines.length > 1 ? line.name + ' ' : '') + shown(value(line.point[1]))).join(', ');
  });
  svg.addEventListener('pointerleave', () => { cursor.remove(); output.textContent = ''; });
}

// Expert loads: a map of time x expert for each layer, and the table of one moment.
for (const load of document.querySelectorAll('.load')) {
  const {layers, experts, first, last, cells} = JSON.parse(load.querySelector('script').textContent);
  const bytes = Uint8Array.from(atob(cells), c => c.charCodeAt(0));
  const share = (column, layer, expert) => {
    const cell = 2 * ((column * layers + layer) * experts + expert);
    return (bytes[cell] + 256 * bytes[cell + 1]) / 65535;
  };
  const colour = value => colourAt(value * experts / 2);
  const percent = value => (100 * value).toFixed(experts > 20 ? 2 : 1) + ' %';
  const steps = column => first[column] === last[column] ? 'step ' + first[column].toLocaleString('en')
    : 'steps ' + first[column].toLocaleString('en') + ' to ' + last[column].toLocaleString('en');
  const slider = load.querySelector('input'), output = load.querySelector('.slider output');
  const maps = load.querySelector('.maps'), table = load.querySelector('.shares');
  const cursors = [];

  const select = column => {
    slider.value = column;
    output.textContent = steps(column);
    for (const cursor of cursors) cursor.style.left = 'calc(' + 100 * (column + 0.5) / first.length + '% - 1px)';
    for (const cell of table.querySelectorAll('td')) {
      const value = share(column, Number(cell.dataset.layer), Number(cell.dataset.expert));
      cell.style.background = 'rgb(' + colour(value) + ')';
      cell.style.color = value * experts / 2 > 0.55 ? '#10131a' : '#fff';
      if (experts <= 16) cell.textContent = percent(value);
      cell.title = 'layer ' + cell.dataset.layer + ', expert ' + cell.dataset.expert + ': ' +
        (value === 0 ? 'no tokens' : percent(value));
    }
  };

  const header = table.insertRow();
  for (let expert = -1; expert < experts; ++expert) {
    const cell = document.createElement('th');
    cell.textContent = expert < 0 ? 'layer \\ expert' : expert;
    header.append(cell);
  }
  for (let layer = 0; layer < layers; ++layer) {
    const row = table.insertRow(), name = document.createElement('th');
    name.textContent = layer;
    row.append(name);
    for (let expert = 0; expert < experts; ++expert) Object.assign(row.insertCell().dataset, {layer, expert});

    const figure = document.createElement('figure'), caption = document.createElement('figcaption');
    const map = document.createElement('div'), canvas = document.createElement('canvas');
    const readout = document.createElement('output'), cursor = document.createElement('div');
    const title = document.createElement('b');
    title.textContent = 'layer ' + layer;
    caption.append(title, readout);
    map.className = 'map';
    cursor.className = 'at';
    cursors.push(cursor);
    canvas.width = first.length;
    canvas.height = experts;
    canvas.style.height = Math.min(Math.max(experts * 14, 56), 256) + 'px';
    const context = canvas.getContext('2d'), image = context.createImageData(first.length, experts);
    for (let expert = 0; expert < experts; ++expert) {
      for (let column = 0; column < first.length; ++column) {
        image.data.set([...colour(share(column, layer, expert)), 255], 4 * (expert * first.length + column));
      }
    }
    context.putImageData(image, 0, 0);
    const under = event => {
      const box = canvas.getBoundingClientRect();
      const at = (pixel, size, count) => Math.min(Math.max(Math.floor(pixel / size * count), 0), count - 1);
      return [at(event.clientX - box.left, box.width, first.length), at(event.clientY - box.top, box.height, experts)];
    };
    canvas.addEventListener('pointermove', event => {
      const [column, expert] = under(event);
      readout.textContent = 'expert ' + expert + ', ' + steps(column) + ': ' + percent(share(column, layer, expert));
    });
    canvas.addEventListener('pointerleave', () => { readout.textContent = ''; });
    canvas.addEventListener('click', event => select(under(event)[0]));
    map.append(canvas, cursor);
    figure.append(caption, map);
    maps.append(figure);
  }
  load.querySelector('.scale span:nth-child(2)').style.background =
    'linear-gradient(90deg,' + stops.map(stop => 'rgb(' + stop + ')').join() + ')';
  slider.max = first.length - 1;
  slider.addEventListener('input', () => select(Number(slider.value)));
  select(first.length - 1);
}
)js";

}  // namespace

std::string page_style() {
  return kStyle;
}

std::string page_script() {
  std::vector<std::string> stops;
  for (const Colour& stop : kColourStops) stops.push_back(format("[%d,%d,%d]", stop.red, stop.green, stop.blue));
  return "const stops = [" + join(stops, ",") + "];" + kScript;
}

}  // namespace mm
