/** What somebody does on the page. Every act knows how it is undone. */

import { call, pathOf } from '/ui/api.js';
import { formatPercent, formatRules, formatToxic, makeBody, withoutEnd } from '/ui/rules.js';
import { changed, now, store } from '/ui/store.js';
import { findEnd } from '/ui/windows.js';

/** What was done and not undone, the last one at the end; and what is said of it: a text, and whether it is bad news. */
export const acts = [];
export const news = { text: '', isBad: false };

function say(text, isBad = false) {
  Object.assign(news, { text, isBad });
  changed();
}

/** Do it; say so, or why not. Return whether it was done. *undo* is null for what cannot be undone. */
async function act(text, run, undo) {
  try {
    await run();
  } catch (error) {
    say(error.message, true);
    return false;
  }
  if (undo) acts.push({ text, undo });
  say(text);
  return true;
}

/** Undo the last act. */
export async function undo() {
  const last = acts.pop();
  if (!last) return;
  try {
    await last.undo();
    say(`Undone: ${last.text}`);
  } catch (error) {
    say(`Not undone: ${error.message}`, true);
  }
}

/** Return a function that returns the rules of a proxy as they are now, with the seconds that are left of them by then. */
function keep(proxy) {
  const kept = store.states[proxy].rules.map((rule) => [rule, findEnd(proxy, rule, store.changes)]);
  return () => kept.filter(([, end]) => end === null || end > now()).map(([rule, end]) => (
    end === null ? rule : { ...rule, options: { ...rule.options, for: Number((end - now()).toFixed(2)) } }));
}

const put = (proxy, rules) => call('PUT', pathOf(proxy, '/behavior'), makeBody(rules));
const change = (proxy, fields) => call('POST', pathOf(proxy), fields);
const addToxic = (proxy, toxic) => call('POST', pathOf(proxy, '/toxics'), toxic);
const removeToxic = (proxy, name) => call('DELETE', pathOf(proxy, `/toxics/${encodeURIComponent(name)}`));

/** Arm the rules that *make* makes of those that are armed. An error is thrown: a form shows it beside its field. */
export async function arm(proxy, text, make) {
  const before = keep(proxy);
  await put(proxy, make(before()));
  await act(text, () => {}, () => put(proxy, before()));
}

/** Do as `arm`, but say what is wrong. */
async function rearm(proxy, text, make) {
  const before = keep(proxy);
  return act(text, () => put(proxy, make(before())), () => put(proxy, before()));
}

/** Add a toxic for some seconds, which may be a text with a unit, or for ever. An error is thrown. */
export async function add(proxy, toxic, seconds) {
  const text = formatToxic(toxic);
  if (seconds === null) {
    const added = await addToxic(proxy, toxic);
    await act(`${proxy}: ${text}`, () => {}, () => removeToxic(proxy, added.name));
    return;
  }
  // A toxic has no end of its own; a schedule with one step takes it away also when nobody looks at this page any more.
  if ((await call('GET', '/schedule')).status === 'running') throw new Error('a schedule runs: stop it, or add the toxic without seconds');
  await call('PUT', '/schedule', { steps: [{ proxy, toxic: text, for: seconds }] });
  await act(`${proxy}: ${text} for ${typeof seconds === 'number' ? `${seconds} s` : seconds}`, () => {}, () => call('DELETE', '/schedule'));
}

/** Whether two rules are one, whatever is left of the seconds that it is armed for. */
const isSame = (one, other) => formatRules([withoutEnd(one)]) === formatRules([withoutEnd(other)]);

export const disarm = (proxy, rule) => rearm(proxy, `${proxy}: disarmed ${rule.name}`, (rules) => rules.filter((one) => !isSame(one, rule)));

export const weigh = (proxy, rule, percent) => rearm(proxy, `${proxy}: ${formatPercent(percent)}% ${rule.name}`, (rules) => rules.map((one) => (
  isSame(one, rule) ? { ...one, percent } : one)));

export const remove = (proxy, toxic) => act(`${proxy}: removed ${toxic.name}`, () => removeToxic(proxy, toxic.name), () => addToxic(proxy, toxic));

export const setEnabled = (proxy, enabled) => act(`${proxy}: ${enabled ? 'enabled' : 'disabled'}`,
  () => change(proxy, { enabled }), () => change(proxy, { enabled: !enabled }));

export function setBackend(proxy, backend) {
  const before = store.states[proxy].backend;
  const set = (address) => call('PUT', pathOf(proxy, '/backend'), { backend: address });
  return act(`${proxy}: backend ${backend}`, () => set(backend), () => set(before));
}

/** A link that is cut stays so: its client has to connect again. */
export const cut = (proxy, link) => act(`${proxy}: cut link ${link}`, () => call('DELETE', pathOf(proxy, `/links/${link}`)), null);

/** What was decided of a request that was held is carried out at once, and stays so. */
const DECIDED = { pass: 'let pass', error: 'answered', cut: 'cut the link of' };
async function tell(proxy, held, fields) {
  try {
    await call('POST', pathOf(proxy, `/held/${held.id}`), fields);
  } catch (error) {
    throw error.status === 404 ? new Error(`${held.request || 'the request'} is held no longer`) : error;
  }
}
export const decide = (proxy, held, decision) => act(`${proxy}: ${DECIDED[decision]} ${held.request}`, () => tell(proxy, held, { decision }), null);

/** Answer a request that is held with an error. An error of the API is thrown. */
export async function answer(proxy, held, options) {
  await tell(proxy, held, { ...options, decision: 'error' });
  await act(`${proxy}: ${DECIDED.error} ${held.request}`, () => {}, null);
}

/** Reset all proxies: toxics are removed, what was configured is armed, all are enabled. */
export function reset() {
  const before = Object.entries(store.states).map(([proxy, state]) => [proxy, state, keep(proxy)]);
  return act('Reset all proxies', () => call('POST', '/reset'), async () => {
    for (const [proxy, state, rules] of before) {
      await put(proxy, rules());
      const present = await call('GET', pathOf(proxy, '/toxics'));
      for (const toxic of state.toxics) if (!present.some((one) => one.name === toxic.name)) await addToxic(proxy, toxic);
      if (!state.enabled) await change(proxy, { enabled: false });
    }
  });
}

/** Run a schedule. The one before, if it was run here, is what is run again when this is undone. */
let lastRun = null;
export async function run(schedule) {
  await call('PUT', '/schedule', schedule);
  lastRun = schedule;
  await act('Run a schedule', () => {}, () => call('DELETE', '/schedule'));
}

export function stop() {
  const again = lastRun;
  return act('Stopped the schedule', () => call('DELETE', '/schedule'), again && (() => call('PUT', '/schedule', again)));
}

export const mark = (name) => act(`Mark ${name}`, () => call('POST', '/schedule/mark', { name }), null);
