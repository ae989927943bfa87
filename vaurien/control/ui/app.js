/** The page: a bar, a card for each proxy, the schedule, the live list, and one dialog at a time. */

import { acts, news, reset, undo } from '/ui/acts.js';
import { call, onTokenNeeded } from '/ui/api.js';
import { Arming } from '/ui/arming.js';
import { Card } from '/ui/card.js';
import { follow } from '/ui/events.js';
import { saveJournal, savePage, saveSchedule } from '/ui/export.js';
import { Answer } from '/ui/held.js';
import { Component, html, render } from '/ui/html.js';
import { History, Links } from '/ui/links.js';
import { Live } from '/ui/live.js';
import { learn } from '/ui/rules.js';
import { Schedule } from '/ui/schedule.js';
import { receive, report, store, watch } from '/ui/store.js';
import { Token } from '/ui/token.js';
import { formatClock } from '/ui/units.js';
import { SPANS, setSpan, view, zoom } from '/ui/view.js';

class App extends Component {
  /** The dialog that is open: a function that renders it. */
  state = { dialog: null };

  componentDidMount() {
    watch('page', () => this.forceUpdate());
    onTokenNeeded((wasWrong) => new Promise((resolve) => {
      this.open((close) => html`<${Token} wasWrong=${wasWrong} onClose=${close} onGiven=${(token) => { close(); resolve(token); }}/>`);
    }));
    follow(() => learn(call), receive, report);
  }

  open(dialog) {
    const close = () => this.setState((state) => (state.dialog === dialog ? { dialog: null } : {}));
    this.close = close;
    this.setState({ dialog });
  }

  openHistory(proxy, link) {
    this.open((close) => html`<${History} key=${`${proxy} ${link}`} proxy=${proxy} link=${link} onClose=${close}/>`);
  }

  renderBar() {
    const last = acts.at(-1);
    const spans = SPANS.map((span) => html`<label><input type="radio" name="span" checked=${!view.zoom && view.span === span} onChange=${() => setSpan(span)}/><span>${span / 60} min</span></label>`);
    return html`<header class="page-bar">
      <h1>Vaurien</h1><span class=${store.isConnected ? 'state on' : 'state'} role="status">${store.isConnected ? `live · ${store.version}` : 'not connected'}</span>
      <nav aria-label="Parts"><a href="#proxies">Proxies</a><a href="#schedule">Schedule</a><a href="#live">Live</a></nav>
      <fieldset class="choice"><legend class="unseen">Show the last</legend>${spans}</fieldset>
      ${view.zoom && html`<button type="button" id="unzoom" onClick=${() => zoom(null)}>Leave the zoom</button>`}
      <span class="end">
        <button type="button" id="undo" disabled=${!last} title=${last?.text ?? ''} onClick=${undo}>Undo${last && html`<span class="unseen"> ${last.text}</span>`}</button>
        <button type="button" id="reset" onClick=${reset}>Reset all</button>
        <details class="menu"><summary>Export</summary><div>
          <button type="button" onClick=${saveJournal}>Journal</button><button type="button" onClick=${saveSchedule}>What was armed, as a schedule</button>
          <button type="button" onClick=${savePage}>This page, as one file</button></div></details>
      </span></header>`;
  }

  render(props, { dialog }) {
    const names = Object.keys(store.states).sort();
    const onArm = (name) => this.open((close) => store.states[name] && html`<${Arming} key=${name} proxy=${name} state=${store.states[name]} onClose=${close}/>`);
    const onAnswer = (name, held) => this.open((close) => store.states[name] && html`<${Answer} key=${held.id} proxy=${name} state=${store.states[name]} held=${held} onClose=${close}/>`);
    const onLinks = (name) => this.open((close) => html`<${Links} key=${name} proxy=${name} onClose=${close} onOpen=${(link) => this.openHistory(name, link)}/>`);
    return html`${this.renderBar()}
      <main class=${store.isConnected ? '' : 'stale'}><div id="proxies" class="proxies">
        ${!store.isConnected && names.length > 0 && html`<p class="notice" role="alert">The process has ended, or cannot be reached. What stands here is from ${formatClock(store.time)}.</p>`}
        ${names.map((name) => html`<${Card} key=${name} name=${name} state=${store.states[name]} onAnswer=${onAnswer} onArm=${onArm} onLinks=${onLinks}/>`)}
        ${names.length === 0 && html`<p class="none">${store.isConnected ? 'There is no proxy yet.' : 'Waiting for Vaurien…'}</p>`}
        <${Schedule}/></div>
      <${Live} onOpen=${(proxy, link) => this.openHistory(proxy, link)}/></main>
      <p class=${news.isBad ? 'news bad' : 'news'} role=${news.isBad ? 'alert' : 'status'}>${news.text}</p>
      ${dialog?.(this.close)}`;
  }
}

render(html`<${App}/>`, document.getElementById('app'));
