// Written as JavaScript, in parts; the colours of the heat maps are filled in.
#include "view/report/page/page_script.h"

#include <vector>

#include "core/text.h"
#include "view/image/colour_map.h"
#include "view/report/page/chart_script.h"
#include "view/report/sections/routed_text.h"

namespace mm {
namespace {

constexpr const char* kCommon = R"js(
const shown = x => Math.abs(x) >= 1e4 ? x.toExponential(2) : Number(x.toPrecision(4)).toString();
const colourAt = position => {
  const place = Math.min(Math.max(position, 0), 1) * (stops.length - 1);
  const below = Math.min(Math.floor(place), stops.length - 2), part = place - below;
  return stops[below].map((from, i) => Math.round(from + part * (stops[below + 1][i] - from)));
};
)js";

constexpr const char* kLoads = R"js(
// Expert loads: a map of time x expert for each layer, and the table of one moment.
const startLoad = (load, index) => {
  const {firstLayer, layers, experts, first, last, cells} = JSON.parse(load.querySelector('script').textContent);
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
      cell.title = 'layer ' + (firstLayer + Number(cell.dataset.layer)) + ', expert ' + cell.dataset.expert + ': ' +
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
    name.textContent = firstLayer + layer;
    row.append(name);
    for (let expert = 0; expert < experts; ++expert) Object.assign(row.insertCell().dataset, {layer, expert});

    const figure = document.createElement('figure'), caption = document.createElement('figcaption');
    const map = document.createElement('div'), canvas = document.createElement('canvas');
    const readout = document.createElement('output'), cursor = document.createElement('div');
    const title = document.createElement('b');
    title.textContent = 'layer ' + (firstLayer + layer);
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
    canvas.addEventListener('click', event => choose(under(event)[0]));
    map.append(canvas, cursor);
    figure.append(caption, map);
    maps.append(figure);
  }
  load.querySelector('.scale span:nth-child(2)').style.background =
    'linear-gradient(90deg,' + stops.map(stop => 'rgb(' + stop + ')').join() + ')';
  slider.max = first.length - 1;
  // A moment that somebody chose stays where it is; else it is the newest.
  const choose = column => {
    if (column === first.length - 1) view.moments.delete(index); else view.moments.set(index, first[column]);
    select(column);
  };
  slider.addEventListener('input', () => choose(Number(slider.value)));
  const moment = view.moments.get(index);
  select(moment === undefined ? first.length - 1 : Math.max(0, last.findIndex(step => step >= moment)));
};
const startLoads = () => [...document.querySelectorAll('.load')].forEach(startLoad);
)js";

constexpr const char* kStart = R"js(
const start = () => {
  startCharts();
  startLoads();
  startRouted();
};
start();
)js";

}  // namespace

std::string page_script() {
  std::vector<std::string> stops;
  for (const Colour& stop : kColourStops) stops.push_back(format("[%d,%d,%d]", stop.red, stop.green, stop.blue));
  return "'use strict';\nconst stops = [" + join(stops, ",") + "];" + kCommon + chart_script() + kLoads +
         routed_script() + kStart;
}

}  // namespace mm
