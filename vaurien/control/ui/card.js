/** The card of a proxy: how it is, its numbers now, what is armed, its charts, and what was changed. */

import { setBackend, setEnabled } from '/ui/acts.js';
import { Armed } from '/ui/armed.js';
import { Chart } from '/ui/chart.js';
import { CopyAs } from '/ui/copying.js';
import { Held } from '/ui/held.js';
import { Component, html } from '/ui/html.js';
import { store } from '/ui/store.js';
import { formatBytes, formatClock, formatNumber, formatSeconds } from '/ui/units.js';

/** The most changes that are listed. */
const LISTED = 50;

const Stat = ({ label, value, tone = '' }) => html`<div class=${`stat ${tone}`}><dt>${label}</dt><dd>${value}</dd></div>`;

function Times({ second }) {
  const row = (side, label) => html`<tr><th scope="row" class=${`key ${side}`}>${label}</th>${['p50', 'p95', 'p99'].map((name) => (
    html`<td>${formatSeconds(second?.[side]?.[name])}</td>`))}</tr>`;
  return html`<table class="times"><thead><tr><td></td><th scope="col">p50</th><th scope="col">p95</th><th scope="col">p99</th></tr></thead>
    <tbody>${row('client', 'clients felt')}${row('backend', 'backend took')}</tbody></table>`;
}

class Backend extends Component {
  state = { isOpen: false, text: '' };

  componentDidUpdate(before, { isOpen }) {
    if (this.state.isOpen && !isOpen) this.input.focus();
  }

  submit(event) {
    event.preventDefault();
    setBackend(this.props.proxy, this.state.text);
    this.setState({ isOpen: false });
  }

  render({ proxy, backend }, { isOpen, text }) {
    if (!isOpen) return html`<button type="button" class="plain code" aria-label=${`Backend of ${proxy}: ${backend}. Change it`} onClick=${() => this.setState({ isOpen: true, text: backend })}>${backend}</button>`;
    return html`<form class="change" onSubmit=${(event) => this.submit(event)}>
      <input type="text" aria-label=${`Backend of ${proxy}`} required ref=${(input) => { this.input = input; }} value=${text} spellcheck=${false}
        onKeyDown=${(event) => event.key === 'Escape' && this.setState({ isOpen: false })} onInput=${(event) => this.setState({ text: event.currentTarget.value })}/>
      <button>Change</button></form>`;
  }
}

function Changes({ proxy }) {
  const own = store.changes.filter((one) => one.proxy === proxy || one.what === 'schedule').slice(-LISTED).reverse();
  return html`<ol class="changes">${own.map((one) => html`<li><time>${formatClock(one.time)}</time> <span class="by">${one.by}</span> <code>${one.text}</code></li>`)}
    ${own.length === 0 && html`<li class="dim">Nobody has changed anything in the last 15 minutes.</li>`}</ol>`;
}

export function Card({ name, state, onAnswer, onArm, onLinks }) {
  const second = store.seconds[name];
  const failing = second?.errors > 0;
  // A process that ends disables its proxies, which is nobody's act.
  const isEnabled = state.enabled || !store.isConnected;
  return html`<section class=${isEnabled ? 'card proxy' : 'card proxy off'} aria-label=${name} data-proxy=${name}>
    <header class="bar">
      <h2>${name}</h2>
      <span class="where"><span class="dim">${state.protocol}</span> <span class="code">${state.listen}</span> → <${Backend} proxy=${name} backend=${state.backend}/></span>
      <span class="end"><button type="button" class="main" aria-label=${`Arm a fault on ${name}`} onClick=${() => onArm(name)}>Arm…</button>
        <button type="button" aria-label=${`${isEnabled ? 'Disable' : 'Enable'} ${name}`} onClick=${() => setEnabled(name, !isEnabled)}>${isEnabled ? 'Disable' : 'Enable'}</button></span>
    </header>
    ${!isEnabled && html`<p class="notice">Disabled: nobody can connect.</p>`}
    <div class="numbers">
      <dl><${Stat} label="requests/s" value=${formatNumber(second?.requests)}/><${Stat} label="errors/s" tone=${failing ? 'failing' : ''} value=${formatNumber(second?.errors)}/>
        <${Stat} label="faults/s" tone=${second?.faults > 0 ? 'faulted' : ''} value=${formatNumber(second?.faults)}/>
        <${Stat} label="links" value=${html`<button type="button" class="plain" aria-label=${`Links of ${name}: ${second?.links ?? 0} open`} onClick=${() => onLinks(name)}>${formatNumber(second?.links)}</button>`}/>
        <${Stat} label="up /s" value=${formatBytes(second?.upstream)}/><${Stat} label="down /s" value=${formatBytes(second?.downstream)}/></dl>
      <${Times} second=${second}/>
    </div>
    <${Armed} proxy=${name} state=${state}/><${Held} proxy=${name} state=${state} onAnswer=${(held) => onAnswer(name, held)}/>
    <${Chart} proxy=${name} state=${state}/>
    <div class="more"><details><summary>Changes</summary><${Changes} proxy=${name}/></details>
      <details><summary>Copy as</summary><${CopyAs} id=${name} name=${name} state=${state} rules=${state.rules} toxics=${state.toxics}/></details></div>
  </section>`;
}
