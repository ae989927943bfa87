/** The charts of a proxy: times above, rates below, the windows in which something was armed, and marks of changes. */

import { Component, html } from '/ui/html.js';
import uPlot from '/ui/lib/uPlot.esm.js';
import { store } from '/ui/store.js';
import { formatClock, formatNumber, formatSeconds } from '/ui/units.js';
import { findRange, zoom } from '/ui/view.js';
import { findWindows } from '/ui/windows.js';

/** The cursor is one for all charts with this key. */
const SYNC = 'vaurien';
const GUTTER = 54;

const TIMES = [['client_p99', 'client p99'], ['client_p50', 'client p50'], ['backend_p99', 'backend p99'], ['backend_p50', 'backend p50']];
const RATES = [['requests', 'requests'], ['faults', 'faults'], ['errors', 'errors']];

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/** Return the line of a column. */
function line(name, label, width, dash) {
  const stroke = colour(name.replace(/_.*/, ''));
  const fill = name === 'requests' ? `${stroke}22` : undefined;
  return { label, stroke, fill, width, dash, points: { show: false }, spanGaps: false };
}

/** Return the columns that a chart draws. On a logarithmic scale there is no 0. */
const pick = (columns, names) => [columns.time, ...names.map(([name]) => (
  name.includes('_p') ? columns[name].map((value) => (value === null ? null : Math.max(value, 1e-5))) : columns[name]))];

function makeOptions({ width, height, series, scale, axis: own, hasTimes, onDraw, onCursor, bands }) {
  const font = `11px ${getComputedStyle(document.body).fontFamily}`;
  const axis = { stroke: colour('dim'), font, grid: { stroke: colour('line'), width: 1 }, ticks: { show: false } };
  return {
    width, height, series: [{}, ...series], bands,
    padding: [8, 12, hasTimes ? 0 : 8, 0],
    legend: { show: false },
    cursor: { sync: { key: SYNC }, drag: { x: true, y: false, setScale: false }, points: { show: false }, y: false },
    scales: { x: { time: true, range: findRange }, y: scale },
    axes: [
      { ...axis, show: hasTimes, size: 22, values: (plot, times) => times.map((time) => formatClock(time)), space: 90 },
      { ...axis, size: GUTTER, space: 26, ...own },
    ],
    hooks: {
      draw: [onDraw],
      setCursor: [onCursor],
      setSelect: [(plot) => {
        if (plot.select.width < 4) return;
        const ends = [plot.select.left, plot.select.left + plot.select.width].map((place) => plot.posToVal(place, 'x'));
        plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
        zoom(ends);
      }],
    },
  };
}

/** Draw windows and marks as elements: below the lines, as wide as the time that they stand for. */
function drawWindows(plot, windows, changes, hasLabels) {
  const [from, to] = [plot.scales.x.min, plot.scales.x.max];
  const place = (time) => Math.min(plot.over.clientWidth, Math.max(0, plot.valToPos(time, 'x')));
  const make = (name, left, width, text) => {
    const element = document.createElement('div');
    element.className = name;
    Object.assign(element.style, { left: `${left}px`, width: width === null ? '' : `${width}px` });
    element.textContent = text;
    return element;
  };
  const seen = windows.filter((one) => (one.from ?? from) < to && (one.to ?? to) > from);
  const shades = seen.map((one) => {
    const [left, right] = [place(one.from ?? from), place(one.to ?? to)];
    const shade = make(`window ${one.kind}`, left, right - left, hasLabels && right - left > 30 ? one.label : '');
    Object.assign(shade.dataset, { from: one.from ?? '', to: one.to ?? '', text: one.text });
    return shade;
  });
  const marks = changes.filter((one) => one.time > from && one.time < to).map((one) => make(`mark ${one.by}`, place(one.time), null, ''));
  Object.assign(plot.under.dataset, { from, to });
  plot.under.replaceChildren(...shades, ...marks);
}

export class Chart extends Component {
  state = { at: null };

  componentDidMount() {
    this.observer = new ResizeObserver(() => this.build());
    this.observer.observe(this.box);
    this.scheme = matchMedia('(prefers-color-scheme: dark)');
    this.rebuild = () => this.build();
    this.scheme.addEventListener('change', this.rebuild);
  }

  componentDidUpdate(before, { at }) { if (at === this.state.at) this.draw(); }

  componentWillUnmount() {
    this.observer.disconnect();
    this.scheme.removeEventListener('change', this.rebuild);
    this.plots?.forEach((plot) => plot.destroy());
  }

  get columns() { return store.series[this.props.proxy]; }

  get changes() { return store.changes.filter((one) => one.proxy === this.props.proxy || one.what === 'schedule'); }

  get windows() { return findWindows(this.props.proxy, store.changes, this.props.state); }

  build() {
    const width = this.box.clientWidth;
    this.plots?.forEach((plot) => plot.destroy());
    this.plots = null;
    if (!width || !this.columns) return;
    const onCursor = (plot) => this.point(plot.cursor.idx ?? null);
    const common = { width, onCursor };
    const times = makeOptions({
      ...common, height: 156, hasTimes: false, axis: { splits: listDecades, values: (plot, times) => times.map(formatDecade) }, scale: { distr: 3, range: rangeOfTimes },
      series: [line('client_p99', 'client p99', 1.75), line('client_p50', 'client p50', 1), line('backend_p99', 'backend p99', 1.25), line('backend_p50', 'backend p50', 1, [3, 3])],
      bands: [{ series: [1, 2], fill: `${colour('client')}1f` }],
      onDraw: (plot) => drawWindows(plot, this.windows, this.changes, true),
    });
    const rates = makeOptions({
      ...common, height: 92, hasTimes: true, axis: { values: (plot, values) => values.map(formatNumber) }, scale: { range: (plot, min, max) => [0, Math.max(1, (max ?? 0) * 1.15)] },
      series: [line('requests', 'requests', 1.25), line('faults', 'faults', 1.5), line('errors', 'errors', 1.5)],
      onDraw: (plot) => drawWindows(plot, this.windows, this.changes, false),
    });
    this.plots = [new uPlot(times, pick(this.columns, TIMES), this.box), new uPlot(rates, pick(this.columns, RATES), this.box)];
    this.plots.forEach((plot) => plot.over.addEventListener('dblclick', () => zoom(null)));
  }

  /** Have the caption say what is under the cursor. New data move it, too. */
  point(at) {
    if (at !== this.state.at) this.setState({ at });
  }

  draw() {
    if (!this.plots) return this.build();
    this.plots[0].setData(pick(this.columns, TIMES));
    this.plots[1].setData(pick(this.columns, RATES));
    return undefined;
  }

  /** Return what is under the cursor, in words. */
  describe(at) {
    const time = at === null ? undefined : this.columns?.time[at];
    if (time === undefined) return '';
    const said = [...TIMES.map(([name, label]) => `${label} ${formatSeconds(this.columns[name][at])}`), ...RATES.map(([name, label]) => `${formatNumber(this.columns[name][at])} ${label}/s`)];
    const armed = this.windows.filter((one) => (one.from ?? 0) <= time && (one.to ?? Infinity) >= time).map((one) => one.text);
    return [formatClock(time), ...said, ...armed].join('  ·  ');
  }

  render({ proxy }, { at }) {
    return html`<figure class="chart" data-seconds=${this.columns?.time.length ?? 0} aria-label=${`Times and rates of ${proxy}`}>
      <div class="plots" ref=${(element) => { this.box = element; }}></div>
      <figcaption>${this.describe(at) || html`<span class="key client">client p50–p99</span><span class="key backend">backend p50, p99</span>
        <span class="key requests">requests/s</span><span class="key faults">faults/s</span><span class="key errors">errors/s</span>
        <span class="hint">drag to zoom</span>`}</figcaption>
    </figure>`;
  }
}

/** Return the decades of a scale, and one in words; null stands for one that there is no room for. */
function listDecades(plot, axis, min, max) {
  const [low, high] = [Math.ceil(Math.log10(min) - 1e-9), Math.floor(Math.log10(max) + 1e-9)];
  return Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i));
}

function formatDecade(time) {
  if (time === null) return '';
  return time < 0.9e-3 ? `${Math.round(time * 1e6)} µs` : time < 0.9 ? `${Math.round(time * 1e3)} ms` : `${Math.round(time)} s`;
}

/** Return the scale that the times are in: whole decades. */
function rangeOfTimes(plot, min, max) {
  if (min === null || max === null) return [1e-3, 1];
  const [low, high] = [10 ** Math.floor(Math.log10(min)), 10 ** Math.ceil(Math.log10(max))];
  return [low, high > low ? high : low * 10];
}
