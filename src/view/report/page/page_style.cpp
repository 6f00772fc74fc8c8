// Written as CSS.
#include "view/report/page/page_style.h"

namespace mm {
namespace {

// The curve colours are told apart by the colour-blind too (Okabe and Ito, "Color universal design", 2008).
constexpr const char* kStyle = R"css(
:root { color-scheme: light dark; --paper: #fff; --ink: #1c2430; --soft: #5d6878; --rule: #e3e7ec; --panel: #f7f8fa;
  --c0: #0072b2; --c1: #d55e00; --c2: #009e73; --c3: #aa4a86; --c4: #b07d00; --c5: #3a9bd0; --c6: #555;
  --c7: #8c6d31; --good: #16855f; --watch: #9a6a00; --bad: #c22f1d; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #14181f; --ink: #dfe5ec; --soft: #93a0b0; --rule: #2a313b; --panel: #1b212a;
    --c0: #5ab4ec; --c1: #f08a4b; --c2: #3fc79a; --c3: #d98cb9; --c4: #e6b544; --c5: #8fd0f5; --c6: #aaa;
    --c7: #c9a86a; --good: #3fc79a; --watch: #e6b544; --bad: #ff7a66; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 1340px; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, "Segoe UI", "Noto Sans", "Noto Sans CJK SC", sans-serif; }
h1 { font-size: 1.5rem; margin: 0; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .5rem; padding-top: 1rem; border-top: 1px solid var(--rule); }
h3 { font-size: 1rem; margin: 1.5rem 0 .4rem; }
p { margin: .3rem 0; overflow-wrap: anywhere; }
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
@media (max-width: 40rem) { .chart svg text { font-size: 14px; } .chart .axis text, .chart .frame text { font-size: 18px; } }
/* What has numbers in its cells is not made smaller than they can be read, and moves within its frame. */
@media (max-width: 40rem) { .wide { overflow-x: auto; } .wide svg { min-width: 42rem; touch-action: auto; } }
.axis line { stroke: var(--rule); }
.line { fill: none; stroke: currentColor; stroke-width: 1.6; stroke-linejoin: round; }
.band { fill: currentColor; opacity: .16; } circle { fill: currentColor; } .dashed { stroke-dasharray: 5 3; }
line.resume { stroke: var(--soft); stroke-dasharray: 2 3; } line.cursor { stroke: var(--soft); }
.c0 { color: var(--c0); } .c1 { color: var(--c1); } .c2 { color: var(--c2); } .c3 { color: var(--c3); }
.c4 { color: var(--c4); } .c5 { color: var(--c5); } .c6 { color: var(--c6); } .c7 { color: var(--c7); }
.frame line { stroke: var(--ink); stroke-dasharray: 6 4; opacity: .55; } .frame text { text-anchor: end; }
rect.alarm { fill: var(--bad); opacity: .6; } rect.alarm:hover { opacity: 1; } .raw { opacity: .25; }
[data-hidden] { display: none; } b.bad { color: var(--bad); }
.controls { display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; align-items: center; position: sticky; top: 0; z-index: 1;
  padding: .5rem 0; background: var(--paper); border-bottom: 1px solid var(--rule); font-size: .87rem; }
.controls[hidden] { display: none; } .controls label { white-space: nowrap; } .controls input { accent-color: var(--c0);
  vertical-align: middle; } button { font: inherit; color: inherit; background: var(--panel); border: 1px solid var(--rule);
  border-radius: 5px; padding: .1rem .6rem; cursor: pointer; }
.verdicts { display: grid; gap: .5rem; margin: 1rem 0; }
.verdict { display: grid; grid-template-columns: minmax(12rem, 17rem) 1fr; gap: 0 1rem; padding: .5rem .9rem; background: var(--panel); border-radius: 8px; border-left: 5px solid var(--soft);
  overflow-wrap: anywhere; }
.verdict p { margin: .1rem 0; } .verdict p:nth-child(3) { grid-column: 2; }
@media (max-width: 40rem) { .verdict { display: block; } }
.question { font-weight: 600; } .light { display: inline-block; width: .75rem; height: .75rem; border-radius: 50%;
  margin-right: .5rem; background: var(--soft); } summary .light { margin: 0 .15rem; }
.verdict.good { border-color: var(--good); } .light.good { background: var(--good); }
.verdict.watch { border-color: var(--watch); } .light.watch { background: var(--watch);
  border-radius: 2px; }
.verdict.bad { border-color: var(--bad); } .light.bad { background: var(--bad); border-radius: 0;
  transform: rotate(45deg); }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 17rem), 1fr)); gap: .75rem;
  margin: 1rem 0; }
.card { padding: .5rem .9rem; background: var(--panel); border-radius: 8px; min-width: 0; } .card h3 { margin: .3rem 0; }
.card.best { outline: 2px solid var(--good); } .card.best h3 b { color: var(--good); font-weight: 600; }
dl { margin: 0; } .card:only-child dl { columns: 22rem; column-gap: 2rem; }
dl div { display: flex; justify-content: space-between; gap: 1rem; padding: .15rem 0; border-bottom: 1px solid var(--rule);
  break-inside: avoid; font-size: .87rem; }
dt { color: var(--soft); white-space: nowrap; } dd { margin: 0; text-align: right; overflow-wrap: anywhere;
  font-variant-numeric: tabular-nums; }
.beside { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 18rem), 1fr)); gap: .75rem; }
.beside > div { min-width: 0; }
:focus-visible { outline: 2px solid var(--c0); outline-offset: 2px; }
@media print {
  :root { color-scheme: light; --paper: #fff; --ink: #000; --soft: #444; --rule: #ccc; --panel: #fff; }
  body { max-width: none; padding: 0; font-size: 11px; } .controls, .slider, figcaption output { display: none; }
  figure, .verdict, .card, pre, tr { break-inside: avoid; border: 1px solid var(--rule); }
  h2, h3 { break-after: avoid; } .scroll { overflow: visible; } * { print-color-adjust: exact; }
}
nav { display: flex; gap: 1rem; margin-bottom: .75rem; } nav + #live, body > #live { float: right; }
a { color: var(--c0); } #live { color: var(--soft); font-size: .87rem; }
.runs th, .runs td { vertical-align: top; } .runs .choice { padding-right: .5rem; }
.runs .lights { white-space: nowrap; }
@media (max-width: 40rem) {
  .runs thead { display: none; } .runs, .runs tbody, .runs tr { display: block; }
  .runs tr { position: relative; margin: .75rem 0; padding: .5rem .9rem; background: var(--panel); border-radius: 8px; }
  .runs td { display: flex; justify-content: space-between; padding: .15rem 0; white-space: normal; font-size: .87rem; }
  .runs td::before { content: attr(data-label); color: var(--soft); }
  .runs .choice { position: absolute; left: .9rem; border: 0; }
  .runs .name { padding-left: 1.75rem; } .runs .name, .runs .lights { justify-content: flex-start; }
}
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
.shares td.text { text-align: left; } .slider.layer input { flex: 0 1 14rem; }
.routed span { border-radius: 2px; } .slider[hidden] { display: none; }
.token { display: inline-block; margin-right: .6rem; }
code { padding: .1rem .3rem; background: var(--rule); border-radius: 4px; white-space: pre-wrap; }
pre { margin: .3rem 0; padding: .75rem; background: var(--panel); border-radius: 8px; overflow-x: auto;
  white-space: pre-wrap; overflow-wrap: anywhere; font-size: .85rem; }
summary { cursor: pointer; } details { margin: .4rem 0; } pre b { color: var(--c0); font-weight: 600; }
)css";

}  // namespace

std::string page_style() {
  return kStyle;
}

}  // namespace mm
