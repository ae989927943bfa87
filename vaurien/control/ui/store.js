/** What the page knows: made of the events of the stream, and told to whoever shows a part of it. */

import { trim } from '/ui/windows.js';

/** Seconds of history, exchanges in the list, and changes, that are kept. */
export const KEPT = 900;
const EXCHANGES = 2000;

export const store = {
  isConnected: false,
  version: '',
  /** The time of the server when it last said how everything is, in seconds since the epoch. */
  time: 0,
  /** The state of each proxy now, by its name, its columns of numbers, and its last second. */
  states: {},
  series: {},
  seconds: {},
  changes: [],
  exchanges: [],
  /** Of the last second: requests in the process, and how many of them are in the list. */
  rate: { requests: 0, timed: 0 },
  /** Seconds to add to the time of this machine to have that of the server. */
  offset: 0,
};

/** Milliseconds in which changes are put together: those of exchanges come often, and take long to draw. */
const PAUSES = { page: 40, exchanges: 250 };
const watchers = { page: new Set(), exchanges: new Set() };
const waiting = new Set();

/** Call *watcher* after something has changed: on the whole page, or in the list of exchanges. */
export function watch(part, watcher) {
  watchers[part].add(watcher);
  return () => watchers[part].delete(watcher);
}

export function changed(part = 'page') {
  if (waiting.has(part)) return;
  waiting.add(part);
  setTimeout(() => tell(part), PAUSES[part]);
}

function tell(part) {
  if (document.hidden) {
    // Nobody looks: what has changed meanwhile is drawn when somebody does again.
    document.addEventListener('visibilitychange', () => tell(part), { once: true });
    return;
  }
  waiting.delete(part);
  watchers[part].forEach((watcher) => watcher());
}

/** Return the time of the server, in seconds since the epoch. */
export const now = () => Date.now() / 1000 + store.offset;

export function report(isConnected) {
  store.isConnected = isConnected;
  changed();
  changed('exchanges');
}

export function receive(name, data) {
  receivers[name]?.(data);
  if (name !== 'exchange') changed();
  if (name !== 'change') changed('exchanges');
}

const receivers = {
  snapshot(data) {
    Object.assign(store, { time: data.time, states: data.states, changes: data.changes, version: data.version, seconds: {} });
    store.series = Object.fromEntries(Object.entries(data.series).map(([name, columns]) => [name, columns.time ? columns : makeColumns()]));
    store.offset = data.time - Date.now() / 1000;
  },

  second(data) {
    store.time = data.time;
    store.offset = data.time - Date.now() / 1000;
    store.rate = { requests: data.requests, timed: data.timed };
    store.seconds = data.proxies;
    for (const [name, second] of Object.entries(data.proxies)) {
      store.states[name] = second.state;
      add(store.series[name] ??= makeColumns(), data.time, second);
    }
    store.changes = trim(store.changes, data.time - KEPT);
  },

  exchange(data) {
    store.exchanges.push(data);
    if (store.exchanges.length > EXCHANGES) store.exchanges.splice(0, store.exchanges.length - EXCHANGES);
  },

  change(data) {
    store.changes = [...store.changes, data];
    if (data.proxy === null) return;
    if (data.state === null) delete store.states[data.proxy];
    else store.states[data.proxy] = data.state;
  },
};

const NUMBERS = ['requests', 'errors', 'faults', 'upstream', 'downstream', 'links'];
const QUANTILES = ['p50', 'p95', 'p99'];
const SIDES = ['backend', 'client'];

function makeColumns() {
  const names = ['time', ...NUMBERS, ...SIDES.flatMap((side) => QUANTILES.map((quantile) => `${side}_${quantile}`))];
  return Object.fromEntries(names.map((name) => [name, []]));
}

function add(columns, time, second) {
  columns.time.push(time);
  for (const name of NUMBERS) columns[name].push(second[name]);
  for (const side of SIDES) {
    for (const quantile of QUANTILES) columns[`${side}_${quantile}`].push(second[side]?.[quantile] ?? null);
  }
  const old = columns.time.findIndex((one) => one >= time - KEPT);
  if (old > 0) Object.values(columns).forEach((column) => column.splice(0, old));
}
