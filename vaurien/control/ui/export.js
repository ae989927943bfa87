/** What is taken away as a file: the journal, a schedule of what was done, the page as it is now. */

import { request } from '/ui/api.js';
import { now, store } from '/ui/store.js';
import { findWindows } from '/ui/windows.js';

function save(name, type, text) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

const second = (time) => Number(Math.max(0, time).toFixed(1));

/** Return the schedule that arms again what was armed over the API while this page, or another client, looked on. */
export function makeSchedule() {
  const done = Object.entries(store.states).flatMap(([proxy, state]) => (
    findWindows(proxy, store.changes, state).filter((one) => one.by === 'api').map((one) => ({ ...one, proxy }))));
  done.sort((one, other) => one.from - other.from);
  const steps = done.map(({ proxy, kind, text, from, to }) => {
    const step = { at: `${second(from - done[0].from)}s`, proxy };
    if (to !== null) step.for = `${Math.max(0.1, second(to - from))}s`;
    if (kind === 'disabled') return { ...step, enabled: false };
    return { ...step, [kind]: text };
  });
  return { steps };
}

/** Return a schedule as TOML, as `--schedule` reads it. */
export function writeToml({ steps }) {
  return steps.map((step) => ['[[steps]]', ...Object.entries(step).map(([key, value]) => `${key} = ${JSON.stringify(value)}`), ''].join('\n')).join('\n');
}

export function saveSchedule() {
  const schedule = makeSchedule();
  save('schedule.toml', 'application/toml', schedule.steps.length ? writeToml(schedule) : '# Nothing was armed in the last 15 minutes.\n');
}

/** Save the journal; if the process writes none, or is gone, the exchanges that this page has seen. */
export async function saveJournal() {
  const response = await request('GET', '/journal').catch(() => null);
  const entries = response?.ok ? (await response.json()).entries : store.exchanges;
  save('journal.jsonl', 'application/x-ndjson', entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
}

/** Return the page as it is now as one document: its styles are in it, charts are pictures, and nothing runs. */
export function freeze() {
  const page = document.documentElement.cloneNode(true);
  const canvases = document.querySelectorAll('canvas');
  page.querySelectorAll('canvas').forEach((canvas, i) => {
    const picture = document.createElement('img');
    picture.src = canvases[i].toDataURL();
    picture.alt = '';
    picture.style.cssText = canvas.style.cssText;
    picture.className = 'frozen';
    canvas.replaceWith(picture);
  });
  const rules = [...document.styleSheets].flatMap((sheet) => [...sheet.cssRules].map((rule) => rule.cssText));
  const style = document.createElement('style');
  style.textContent = rules.join('\n');
  page.querySelector('head').append(style);
  page.querySelectorAll('script, link, dialog, .news').forEach((element) => element.remove());
  page.querySelectorAll('button, input, select, textarea').forEach((element) => element.setAttribute('disabled', ''));
  page.querySelector('title').textContent = `Vaurien, ${new Date(1000 * now()).toLocaleString()}`;
  return `<!doctype html>\n${page.outerHTML}`;
}

export const savePage = () => save('vaurien.html', 'text/html', freeze());
