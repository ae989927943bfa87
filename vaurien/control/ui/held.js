/** The requests of a proxy that are held, and what is decided of each: it passes, gets an error, or its link is cut. */

import { answer, decide } from '/ui/acts.js';
import { call, pathOf } from '/ui/api.js';
import { Dialog } from '/ui/dialog.js';
import { Field, listProtocols, read } from '/ui/field.js';
import { Component, html } from '/ui/html.js';
import { declared } from '/ui/rules.js';
import { store } from '/ui/store.js';
import { formatSpan } from '/ui/units.js';
import { findWrong, Wrong } from '/ui/wrong.js';

/** Milliseconds between two looks, while anything may be held. */
const PERIOD = 500;

export class Held extends Component {
  state = { held: [] };

  componentDidMount() { this.look(); }

  componentWillUnmount() { clearTimeout(this.timer); this.isGone = true; }

  /** Whether a rule holds requests, or a request may have asked for that itself. */
  get isWanted() {
    const { proxy, state } = this.props;
    return this.state.held.length > 0 || state.rules.some((rule) => rule.name === 'hold') || store.seconds[proxy]?.faults > 0;
  }

  async look() {
    clearTimeout(this.timer);
    if (this.isWanted) {
      try {
        this.setState(await call('GET', pathOf(this.props.proxy, '/held')));
      } catch { this.setState({ held: [] }); /* the proxy is gone */ }
    }
    if (!this.isGone) this.timer = setTimeout(() => this.look(), PERIOD);
  }

  async decide(held, decision) {
    await decide(this.props.proxy, held, decision);
    this.look();
  }

  render({ proxy, onAnswer }, { held }) {
    if (!held.length) return null;
    return html`<ul class="armed held" aria-label=${`Held on ${proxy}`} aria-live="polite">${held.map((one) => html`<li key=${one.id}>
      <code>${one.request || '(nothing)'}</code><span class="dim">#${one.link} ${one.client}</span>
      <span class="left" role="timer">${formatSpan(one.left)} left</span>
      <button type="button" aria-label=${`Let ${one.request} pass`} onClick=${() => this.decide(one, 'pass')}>Pass</button>
      <button type="button" aria-label=${`Answer ${one.request} with an error`} onClick=${() => onAnswer(one)}>Error…</button>
      <button type="button" aria-label=${`Cut the link of ${one.request}`} onClick=${() => this.decide(one, 'cut')}>Cut</button></li>`)}</ul>`;
  }
}

/** The dialog with what the error of one request is made of. */
export class Answer extends Component {
  state = { values: {}, error: null };

  /** Return the options that an error of one request has, of those of the behavior. */
  get options() {
    const { protocol } = this.props.state;
    return Object.entries(declared.behaviors.error).filter(([name, option]) => name === 'close' || listProtocols(option).includes(protocol));
  }

  async submit(event) {
    event.preventDefault();
    const given = this.options.map(([name, option]) => [name, read(option, this.state.values[name])]);
    try {
      await answer(this.props.proxy, this.props.held, Object.fromEntries(given.filter(([, value]) => value !== undefined)));
      this.props.onClose();
    } catch (error) {
      this.setState({ error });
    }
  }

  render({ state, held, onClose }, { values, error }) {
    return html`<${Dialog} title="Answer with an error" onClose=${onClose}>
      <form onSubmit=${(event) => this.submit(event)}><p><code>${held.request}</code></p>
        ${this.options.map(([name, option]) => html`<${Field} key=${name} id=${`answer-${name}`} name=${name} option=${option} protocol=${state.protocol} value=${values[name]}
          wrong=${findWrong(error, name)} onChange=${(value) => this.setState({ values: { ...values, [name]: value }, error: null })}/>`)}
        <${Wrong} error=${error} names=${this.options.map(([name]) => name)}/>
        <div class="bar"><button class="main">Answer</button></div></form>
    <//>`;
  }
}
