/** The part of the time that all charts show: the last minutes, or what was zoomed into. */

import { changed, now, store } from '/ui/store.js';

/** The choices, in seconds. */
export const SPANS = [60, 300, 900];

export const view = { span: 900, zoom: null };

export function setSpan(span) {
  Object.assign(view, { span, zoom: null });
  changed();
}

/** Show what is between two moments; null: go on with the last minutes. */
export function zoom(range) {
  view.zoom = range;
  changed();
}

/** Return the first and the last moment. As long as there is little to see, no more than a minute is shown. */
export function findRange() {
  if (view.zoom) return view.zoom;
  const starts = Object.values(store.series).map((columns) => columns.time[0]).filter((time) => time !== undefined);
  const end = store.isConnected ? now() : store.time;
  return [end - Math.min(view.span, Math.max(60, end - Math.min(...starts, end))), end];
}
