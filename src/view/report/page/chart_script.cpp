// Written as JavaScript.
#include "view/report/page/chart_script.h"

namespace mm {
namespace {

constexpr const char* kCharts = R"js(
// Charts. Their points are read out of the drawing once; from then on one view decides how all of them are drawn.
const svgElement = (name, attributes, text) => {
  const element = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
};
let runs = [], charts = [];
const view = {axis: 'step', smoothing: 0, smooth: 0, hidden: new Set(), moments: new Map()};
const interpolate = ([from, to], x) => {
  if (x >= from[from.length - 1]) return to[to.length - 1];
  let low = 0, high = from.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (from[middle] <= x) low = middle; else high = middle;
  }
  return to[low] + (x - from[low]) / (from[high] - from[low]) * (to[high] - to[low]);
};
const place = (run, step) => view.axis === 'step' || !runs[run] ? step : interpolate(runs[run][view.axis], step);
const clock = seconds => {
  const whole = Math.round(seconds), two = x => String(x).padStart(2, '0');
  const minutes = Math.floor(whole / 60);
  return whole < 3600 ? minutes + ':' + two(whole % 60) : Math.floor(minutes / 60) + ':' + two(minutes % 60) + ' h';
};
const short = x => {
  const size = Math.abs(x);
  for (const [unit, letter] of [[1e9, 'G'], [1e6, 'M'], [1e3, 'k']]) {
    if (size >= unit) return Number((x / unit).toPrecision(4)) + letter;
  }
  return Number(x.toPrecision(size < 0.001 ? 3 : 4)).toString();
};
const axisLabel = x => view.axis === 'time' ? clock(x) : short(x);
const axisWords = x => view.axis === 'time' ? clock(x) + ' in steps'
  : view.axis === 'tokens' ? short(x) + ' tokens' : 'step ' + Math.round(x).toLocaleString('en');
const ticks = (low, high, count) => {
  const rough = (high - low) / count, power = 10 ** Math.floor(Math.log10(rough)), digit = rough / power;
  const distance = power * (digit < 1.5 ? 1 : digit < 3.5 ? 2 : digit < 7.5 ? 5 : 10), values = [];
  for (let i = Math.ceil(low / distance - 1e-9); i <= high / distance + 1e-9; ++i) values.push(i * distance + 0);
  return values;
};

class Chart {
  constructor(figure) {
    this.figure = figure;
    this.svg = figure.querySelector('svg');
    this.output = figure.querySelector('output');
    this.title = figure.querySelector('b').textContent;
    [this.xLow, this.xHigh, this.left, this.right] = this.svg.dataset.x.split(' ').map(Number);
    const step = pixel => this.xLow + (pixel - this.left) / (this.right - this.left) * (this.xHigh - this.xLow);
    this.lastStep = this.xHigh;
    if (this.svg.dataset.y) {
      [this.yLow, this.yHigh, this.bottom, this.top] = this.svg.dataset.y.split(' ').map(Number);
    } else {
      this.bottom = this.svg.viewBox.baseVal.height - 24;
      this.top = 0;
    }
    const value = pixel => this.yLow + (pixel - this.bottom) / (this.top - this.bottom) * (this.yHigh - this.yLow);
    const read = shape => ({
      shape, run: Number(shape.dataset.run), name: shape.dataset.name, field: shape.dataset.field,
      points: shape.getAttribute('points').trim().split(' ').map(point => {
        const [x, y] = point.split(',').map(Number);
        return [step(x), value(y)];
      }),
    });
    this.lines = [...this.svg.querySelectorAll('polyline')].map(read);
    this.bands = [...this.svg.querySelectorAll('polygon')].map(read);
    for (const dot of this.svg.querySelectorAll('circle')) dot.remove();
    for (const line of this.lines) {
      line.dots = line.points.length <= 40 ? line.points.map(() => {
        const dot = svgElement('circle', {class: line.shape.classList[1], r: 2});
        line.shape.after(dot);
        return dot;
      }) : [];
      line.raw = line.shape.cloneNode();
      line.raw.classList.add('raw');
      line.shape.before(line.raw);
    }
    this.bars = [...this.svg.querySelectorAll('rect[data-from]')];
    this.frames = [...this.svg.querySelectorAll('.frame')];
    this.cursor = svgElement('line', {class: 'cursor', y1: this.top, y2: this.bottom});
    this.svg.addEventListener('pointermove', event => {
      const box = this.svg.getBoundingClientRect();
      const x = (event.clientX - box.left) / box.width * this.svg.viewBox.baseVal.width;
      pointAt(Math.min(Math.max((x - this.left) / (this.right - this.left), 0), 1) * this.xHigh);
    });
    this.svg.addEventListener('pointerleave', () => pointAt(null));
    this.svg.addEventListener('blur', () => pointAt(null));
    this.svg.addEventListener('keydown', event => {
      const way = {ArrowLeft: -1, ArrowRight: 1}[event.key];
      if (!way) return;
      event.preventDefault();
      pointAt(Math.min(Math.max((pointed ?? this.xHigh) + way * this.xHigh / 100, 0), this.xHigh));
    });
  }

  runsShown() {
    const all = [...this.lines, ...this.bars.map(bar => ({run: Number(bar.dataset.run)}))].map(each => each.run);
    return [...new Set(all)].filter(run => !view.hidden.has(run));
  }
  xAt(value) { return this.left + value / this.xHigh * (this.right - this.left); }
  yAt(value) { return this.bottom + (value - this.yLow) / (this.yHigh - this.yLow) * (this.top - this.bottom); }

  // Debiased exponential mean over the points.
  smoothed(points) {
    let sum = 0, weight = 0;
    return points.map(([step, value]) => {
      sum = view.smooth * sum + (1 - view.smooth) * value;
      weight = view.smooth * weight + 1 - view.smooth;
      return [step, sum / weight];
    });
  }

  draw() {
    const shown = this.runsShown();
    const ends = shown.map(run => view.axis === 'step' ? this.lastStep : place(run, this.lastStep));
    this.xHigh = Math.max(...ends, 1e-9);
    for (const line of this.lines) {
      line.placed = this.smoothed(line.points).map(([step, value]) => [place(line.run, step), value]);
    }
    const picture = (run, points) =>
      points.map(([x, y]) => this.xAt(x).toFixed(1) + ',' + this.yAt(y).toFixed(2)).join(' ');
    for (const {shape, run, points} of this.bands) {
      shape.setAttribute('points', picture(run, points.map(([step, value]) => [place(run, step), value])));
      shape.toggleAttribute('data-hidden', view.hidden.has(run));
    }
    for (const line of this.lines) {
      const hidden = view.hidden.has(line.run);
      line.shape.setAttribute('points', picture(line.run, line.placed));
      line.raw.setAttribute('points', picture(line.run, line.points.map(([step, y]) => [place(line.run, step), y])));
      line.shape.toggleAttribute('data-hidden', hidden);
      line.raw.toggleAttribute('data-hidden', hidden || view.smooth === 0);
      line.dots.forEach((dot, i) => {
        dot.setAttribute('cx', this.xAt(line.placed[i][0]));
        dot.setAttribute('cy', this.yAt(line.placed[i][1]));
        dot.toggleAttribute('data-hidden', hidden);
      });
    }
    for (const bar of this.bars) {
      const run = Number(bar.dataset.run), [from, to] = [bar.dataset.from, bar.dataset.to].map(step =>
        this.xAt(place(run, Number(step))));
      bar.setAttribute('x', from);
      bar.setAttribute('width', Math.max(2, to - from));
    }
    for (const mark of this.svg.querySelectorAll('line.resume')) {
      const x = this.xAt(place(0, Number(mark.dataset.step)));
      mark.setAttribute('x1', x);
      mark.setAttribute('x2', x);
    }
    for (const key of this.figure.querySelectorAll('.legend [data-run]')) {
      key.toggleAttribute('data-hidden', view.hidden.has(Number(key.dataset.run)));
    }
    this.drawAxis();
  }

  drawAxis() {
    const axis = this.svg.querySelector('.axis'), low = this.svg.viewBox.baseVal.height - 10;
    for (const label of axis.querySelectorAll('.x')) label.remove();
    const distance = view.axis === 'time' ? 6 : 8;
    for (const x of ticks(0, this.xHigh, distance)) {
      axis.append(svgElement('text', {class: 'x', x: this.xAt(x), y: low}, axisLabel(x)));
    }
  }

  // Rescales the values to the runs that are shown.
  rescale() {
    if (this.yLow === undefined) return;
    const values = this.lines.filter(line => !view.hidden.has(line.run)).flatMap(line => line.points.map(p => p[1]));
    if (values.length === 0) return;
    let low = values.reduce((a, b) => Math.min(a, b)), high = values.reduce((a, b) => Math.max(a, b));
    if ('zero' in this.svg.dataset) low = Math.min(low, 0);
    for (const frame of this.frames) {
      const value = Number(frame.dataset.value), least = Math.min(low, value), most = Math.max(high, value);
      if (most - least <= 1.5 * (high - low)) [low, high] = [least, most];
    }
    const span = high - low > 1e-9 * Math.max(Math.abs(low), Math.abs(high)) ? high - low : 0.1 * Math.max(high, 1);
    this.yLow = 'zero' in this.svg.dataset && low === 0 ? 0 : low - 0.05 * span;
    this.yHigh = high + 0.05 * span;
    const axis = this.svg.querySelector('.axis');
    for (const old of axis.querySelectorAll('line, .y')) old.remove();
    for (const y of ticks(this.yLow, this.yHigh, 5)) {
      axis.append(svgElement('line', {x1: this.left, x2: this.right, y1: this.yAt(y), y2: this.yAt(y)}));
      axis.append(svgElement('text', {class: 'y', x: this.left - 6, y: this.yAt(y) + 4}, short(y)));
    }
    for (const frame of this.frames) {
      const value = Number(frame.dataset.value), y = this.yAt(value);
      frame.toggleAttribute('data-hidden', value < this.yLow || value > this.yHigh);
      frame.querySelector('line').setAttribute('y1', y);
      frame.querySelector('line').setAttribute('y2', y);
      frame.querySelector('text').setAttribute('y', y + Number(frame.dataset.nameAt));
    }
  }

  point(x) {
    if (x === null || x > this.xHigh) {
      this.cursor.remove();
      this.output.textContent = '';
      return;
    }
    this.cursor.setAttribute('x1', this.xAt(x));
    this.cursor.setAttribute('x2', this.xAt(x));
    this.svg.append(this.cursor);
    const near = 0.02 * this.xHigh;
    const reaches = ({run, placed}) => !view.hidden.has(run) && x >= placed[0][0] - near &&
      x <= placed[placed.length - 1][0] + near;
    const values = this.lines.filter(reaches).map(line => {
      const nearest = line.placed.reduce((a, b) => Math.abs(b[0] - x) < Math.abs(a[0] - x) ? b : a);
      return (this.lines.length > 1 ? line.name + ' ' : '') + shown(nearest[1]);
    });
    this.output.textContent = axisWords(x) + (values.length ? ': ' + values.join(', ') : '');
  }
}

let pointed = null, waiting = false;
const pointAt = x => {
  pointed = x;
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    for (const chart of charts) chart.point(pointed);
  });
};
const drawAll = () => charts.forEach(chart => chart.draw());
const curvesAsCsv = () => {
  const quoted = text => '"' + text.replaceAll('"', '""') + '"';
  const rows = ['run,chart,curve,field,step,tokens,seconds,value'];
  for (const chart of charts) {
    for (const line of chart.lines) {
      for (const [step, value] of line.points) {
        const run = runs[line.run] ?? {name: '', tokens: [[0], [0]], time: [[0], [0]]};
        rows.push([quoted(run.name), quoted(chart.title), quoted(line.name), line.field, Math.round(step),
          Math.round(interpolate(run.tokens, step)), interpolate(run.time, step).toFixed(1),
          Number(value.toPrecision(6))].join());
      }
    }
  }
  return rows.join('\n') + '\n';
};
const startCharts = () => {
  const axes = document.getElementById('runs'), controls = document.querySelector('.controls');
  runs = axes ? JSON.parse(axes.textContent) : [];
  charts = [...document.querySelectorAll('.chart')].map(figure => new Chart(figure));
  if (!controls) return;
  controls.hidden = false;
  for (const choice of controls.querySelectorAll('[name=axis]')) {
    choice.checked = choice.value === view.axis;
    choice.addEventListener('change', () => { view.axis = choice.value; drawAll(); });
  }
  const smoothing = controls.querySelector('#smooth');
  smoothing.value = view.smoothing;
  smoothing.addEventListener('input', () => {
    view.smoothing = Number(smoothing.value);
    view.smooth = Math.sqrt(view.smoothing / 100);
    drawAll();
  });
  const show = (run, shown) => {
    for (const part of document.querySelectorAll('.card, .beside > div')) {
      if (part.dataset.run === String(run)) part.toggleAttribute('data-hidden', !shown);
    }
  };
  for (const box of controls.querySelectorAll('[data-show]')) {
    const run = Number(box.dataset.show);
    box.checked = !view.hidden.has(run);
    show(run, box.checked);
    box.addEventListener('change', () => {
      if (box.checked) view.hidden.delete(run); else view.hidden.add(run);
      show(run, box.checked);
      charts.forEach(chart => chart.rescale());
      drawAll();
    });
  }
  controls.querySelector('#csv').addEventListener('click', () => {
    const file = document.createElement('a');
    file.download = 'curves.csv';
    file.href = URL.createObjectURL(new Blob([curvesAsCsv()], {type: 'text/csv'}));
    file.click();
    URL.revokeObjectURL(file.href);
  });
  if (view.hidden.size > 0) charts.forEach(chart => chart.rescale());
  drawAll();
  if (pointed !== null) pointAt(pointed);
};
)js";

}  // namespace

std::string chart_script() {
  return kCharts;
}

}  // namespace mm
