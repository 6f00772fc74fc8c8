// Written as JavaScript.
#include "view/report/page/page_live.h"

namespace mm {
namespace {

constexpr const char* kLiveScript = R"js(
// Following a run.
const follow = {tag: '', pressed: false, word: document.getElementById('live')};
addEventListener('pointerdown', () => { follow.pressed = true; });
for (const over of ['pointerup', 'pointercancel', 'blur']) addEventListener(over, () => { follow.pressed = false; });
const isBusy = () => document.hidden || follow.pressed || !getSelection().isCollapsed;
// Numbers in a summary change while it stays the same part of the page.
const partsByName = () => {
  const parts = new Map();
  for (const part of document.querySelectorAll('main details')) {
    const name = part.querySelector('summary').textContent.replace(/[\d,.]+/g, '#');
    let number = 0;
    while (parts.has(name + number)) ++number;
    parts.set(name + number, part);
  }
  return parts;
};
const exchange = text => {
  const fresh = new DOMParser().parseFromString(text, 'text/html');
  const open = new Map([...partsByName()].map(([name, part]) => [name, part.open]));
  const chosen = new Set([...document.querySelectorAll('main [name=run]:checked')].map(box => box.value));
  const place = scrollY, focus = document.activeElement.id;
  document.title = fresh.title;
  document.querySelector('main').replaceWith(fresh.querySelector('main'));
  for (const [name, part] of partsByName()) part.open = open.get(name) ?? part.open;
  for (const box of document.querySelectorAll('main [name=run]')) box.checked = chosen.has(box.value);
  start();
  document.getElementById(focus)?.focus({preventScroll: true});
  scrollTo(0, place);
};
const lookAgain = async () => {
  if (!isBusy()) {
    try {
      const answer = await fetch(location.href, {cache: 'no-store', headers: follow.tag ? {'If-None-Match': follow.tag} : {}});
      if (answer.status === 200) {
        const text = await answer.text();
        if (!isBusy()) {
          exchange(text);
          follow.tag = answer.headers.get('ETag') ?? '';
          follow.word.dataset.changes = Number(follow.word.dataset.changes) + 1;
        }
      }
      follow.word.textContent = answer.status === 200 || answer.status === 304 ? 'live' : 'gone: ' + answer.status;
    } catch {
      follow.word.textContent = 'the dashboard does not answer; what you see is from before';
    }
  }
  setTimeout(lookAgain, 2000);
};
setTimeout(lookAgain, 2000);
)js";

}  // namespace

std::string live_word() {
  return "<output id=\"live\" data-changes=\"0\">live</output>\n";
}

std::string live_script() {
  return kLiveScript;
}

}  // namespace mm
