/** When something was armed: windows of time, made of the changes of a proxy. */

import { formatRules, formatToxic, withoutEnd } from '/ui/rules.js';

/** Return what is wrong with a proxy in a state, each with a key by which it is known from change to change. */
function list(state) {
  const found = [];
  if (!state) return found;
  if (!state.enabled) found.push({ slot: 'enabled', kind: 'disabled', label: 'disabled', text: 'disabled' });
  if (state.rules.length) {
    const label = state.rules.map((rule) => rule.name).join(', ');
    found.push({ slot: 'behavior', kind: 'behavior', label, text: formatRules(state.rules.map(withoutEnd)) });
  }
  for (const toxic of state.toxics) found.push({ slot: `toxic ${toxic.name}`, kind: 'toxic', label: toxic.type, text: formatToxic(toxic) });
  return found;
}

/**
 * Return the windows of a proxy, in the order in which they begin. One that still goes on has `to: null`; one that was
 * there before the first change, or before all that is known, has `from: null`.
 */
export function findWindows(proxy, changes, state) {
  const own = changes.filter((change) => change.proxy === proxy);
  const windows = own.length ? [] : list(state).map((one) => ({ ...one, from: null, to: null, by: '' }));
  for (const change of own) {
    const present = list(change.state);
    const isThere = (window) => present.some((one) => one.slot === window.slot && one.text === window.text);
    for (const window of windows) if (window.to === null && !isThere(window)) window.to = change.time;
    for (const one of present) {
      const goesOn = windows.some((window) => window.to === null && window.slot === one.slot && window.text === one.text);
      if (!goesOn) windows.push({ ...one, from: change.time, to: null, by: change.by });
    }
  }
  return windows;
}

/** Return *changes* without those before *time* that nothing is known by: of each proxy the last of these stays. */
export function trim(changes, time) {
  const last = new Map(changes.filter((change) => change.time < time).map((change) => [change.proxy, change]));
  return changes.filter((change) => change.time >= time || last.get(change.proxy) === change);
}

/** Return the moment at which a rule that is armed for some seconds is over; null: it is armed until somebody ends it. */
export function findEnd(proxy, rule, changes) {
  if (!rule.options.for) return null;
  const text = formatRules([rule]);
  let began = null;
  for (const change of changes.filter((one) => one.proxy === proxy)) {
    const isThere = change.state?.rules.some((one) => formatRules([one]) === text);
    if (change.what === 'behavior' && change.by !== 'time') began = isThere ? change.time : null;
    else if (!isThere) began = null;
  }
  return began === null ? null : began + rule.options.for;
}
