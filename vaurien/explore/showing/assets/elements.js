'use strict';

const data = JSON.parse(document.getElementById('data').textContent);

/** Make an element. Children are elements and texts; a text stays one, whatever is in it. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (value !== '' && value !== null) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== '' && child !== null));
  return element;
}

const classOf = (outcome) => outcome.replaceAll(' ', '-');
const badge = (outcome) => make('span', { class: `badge ${classOf(outcome)}` }, outcome);
const capitalize = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** Make the bar that shows how many faults had which outcome. */
function makeBar() {
  const { tried, possible } = data.score;
  const parts = data.outcomes.filter((outcome) => outcome.name !== 'not hit').map((outcome) => {
    const part = make('span', { class: classOf(outcome.name), title: `${outcome.count} ${outcome.name}` });
    part.style.flexGrow = outcome.count;
    return part;
  });
  if (possible > tried) {
    const part = make('span', { class: 'untried', title: `${possible - tried} not tried` });
    part.style.flexGrow = possible - tried;
    parts.push(part);
  }
  return make('div', { class: 'bar', 'aria-hidden': 'true' }, parts);
}

/** Make the lines that say at which requests a finding shows. */
function makePlaces(finding) {
  const others = finding.others.map(([place, where]) => make('p', { class: 'code' }, `and ${place} `, make('span', { class: 'dim' }, where)));
  const where = finding.where ? [make('p', { class: 'code dim' }, finding.where)] : [];
  return [make('p', { class: 'place code' }, finding.place), ...where, ...others];
}
