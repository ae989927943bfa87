/** The live list of exchanges: filtered, searched, paused, cleared. */

import { Exchange, judge } from '/ui/exchange.js';
import { Component, html } from '/ui/html.js';
import { Pattern } from '/ui/match.js';
import { store, watch } from '/ui/store.js';
import { formatNumber } from '/ui/units.js';

/** The most that are shown. */
const SHOWN = 80;

export class Live extends Component {
  state = { pattern: '', search: '', only: 'all', error: '' };

  pattern = null;

  /** The exchanges as they were when the list was paused; null: it goes on. */
  held = null;

  componentDidMount() { this.leave = watch('exchanges', () => this.forceUpdate()); }

  componentWillUnmount() { this.leave(); }

  /** What is around it is drawn more often than there is anything new here. */
  shouldComponentUpdate(props, state) { return state !== this.state; }

  async setPattern(text) {
    this.setState({ pattern: text, error: '' });
    this.pattern = text ? new Pattern(text) : null;
    await this.learn();
  }

  /** Ask what the pattern says of the requests that have come since. */
  async learn() {
    const { pattern } = this;
    if (!pattern || this.isLearning) return;
    this.isLearning = true;
    try {
      await pattern.learn(this.all.map((one) => one.request));
    } catch (error) {
      if (pattern === this.pattern) this.setState({ error: error.message });
    }
    this.isLearning = false;
    if (pattern === this.pattern) this.forceUpdate();
    else this.learn();
  }

  componentDidUpdate() {
    if (this.pattern && this.all.some((one) => !this.pattern.known.has(one.request)) && !this.state.error) this.learn();
  }

  get all() { return this.held ?? store.exchanges; }

  get shown() {
    const { search, only } = this.state;
    const wanted = search.toLowerCase();
    const isShown = (one) => (!this.pattern || this.pattern.fits(one.request))
      && (!wanted || `${one.request} ${one.client} ${one.behavior ?? ''} ${one.proxy}`.toLowerCase().includes(wanted))
      && (only === 'all' || (only === 'faulted' ? one.behavior !== null || one.toxics?.length : judge(one)[1] === 'bad'));
    const found = [];
    for (let i = this.all.length - 1; i >= 0 && found.length < SHOWN; i -= 1) if (isShown(this.all[i])) found.push(this.all[i]);
    return found;
  }

  pause() {
    this.held = this.held ? null : [...store.exchanges];
    this.forceUpdate();
  }

  clear() {
    store.exchanges.length = 0;
    if (this.held) this.held = [];
    this.forceUpdate();
  }

  renderControls({ pattern, search, only, error }) {
    return html`<div class="controls">
      <input type="text" aria-label="Only requests that match" placeholder="match: GET /orders* or /regex/" value=${pattern} autocomplete="off" spellcheck=${false}
        aria-invalid=${error ? 'true' : null} onInput=${(event) => this.setPattern(event.currentTarget.value)}/>
      <input type="search" aria-label="Search" placeholder="search" value=${search} onInput=${(event) => this.setState({ search: event.currentTarget.value })}/>
      <select aria-label="Which exchanges" onChange=${(event) => this.setState({ only: event.currentTarget.value })}>
        ${['all', 'faulted', 'failed'].map((one) => html`<option selected=${one === only}>${one}</option>`)}</select>
      ${error && html`<p class="wrong" role="alert">${error}</p>`}
    </div>`;
  }

  render({ onOpen }, state) {
    const { shown } = this;
    const { requests, timed } = store.rate;
    return html`<section id="live" class="live" aria-label="Live exchanges">
      <header class="bar"><h2>Live</h2>
        <span class="dim">${store.isConnected && (timed < requests ? `a sample: ${formatNumber(timed)} of ${formatNumber(requests)} a second` : `${formatNumber(requests)} a second`)}</span>
        <span class="end"><button type="button" aria-pressed=${String(this.held !== null)} onClick=${() => this.pause()}>${this.held ? 'Go on' : 'Pause'}</button>
          <button type="button" onClick=${() => this.clear()}>Clear</button></span></header>
      ${this.renderControls(state)}
      <ol class="exchanges" tabindex="0" aria-label="Exchanges, the newest first">${shown.map((one) => html`<li key=${`${one.proxy} ${one.link} ${one.exchange}`}>
        <button type="button" onClick=${() => onOpen(one.proxy, one.link)}><${Exchange} exchange=${one}/></button></li>`)}</ol>
      ${shown.length === 0 && html`<p class="none">${this.all.length ? 'Nothing here fits.' : 'No exchange has been seen yet.'}</p>`}
    </section>`;
  }
}
