/** The dialog that arms a behavior, or adds a toxic: a form that is made from the declared options. */

import { add, arm } from '/ui/acts.js';
import { CopyAs } from '/ui/copying.js';
import { Dialog } from '/ui/dialog.js';
import { Field, isFor, read, readNumber } from '/ui/field.js';
import { Component, html } from '/ui/html.js';
import { declared, formatRule } from '/ui/rules.js';
import { Trial } from '/ui/trial.js';
import { findWrong, Wrong } from '/ui/wrong.js';

/** The options with places of their own in the form, and those that say which requests a rule is for. */
const OWN = ['match', 'for'];
const LIMITS = ['nth', 'times', 'once', 'sequence', 'cooldown', 'max_active', 'client', 'client_name'];
/** What a behavior needs that not every proxy has. */
const NEEDS = { certificate: 'It needs a proxy that speaks TLS with clients: tls, or proxy_tls.', malformed: 'It needs the protocol http.' };
const STREAMS = ['downstream', 'upstream', 'both'];

export class Arming extends Component {
  constructor(props) {
    super(props);
    const kind = 'delay' in declared.behaviors ? 'behavior delay' : `behavior ${Object.keys(declared.behaviors)[0]}`;
    this.state = { kind, percent: '100', seconds: '30', stream: 'downstream', values: {}, isAlone: false, error: null };
  }

  /** Return what is chosen: whether it is a toxic, its name, and its declared options. */
  get chosen() {
    const [group, name] = this.state.kind.split(' ');
    const isToxic = group === 'toxic';
    return { isToxic, name, options: (isToxic ? declared.toxics : declared.behaviors)[name] };
  }

  /** Return the values of the options that were given. */
  get given() {
    const { options } = this.chosen;
    const values = Object.entries(options).map(([name, option]) => [name, read(option, this.state.values[name])]);
    return Object.fromEntries(values.filter(([, value]) => value !== undefined));
  }

  /** Return how long it is armed: seconds, or a text with a unit; null: without an end. */
  get seconds() {
    const text = this.state.seconds.trim();
    return text === '' ? null : readNumber(text);
  }

  get rule() {
    const { seconds } = this;
    return { name: this.chosen.name, percent: Number(this.state.percent), options: { ...this.given, ...(seconds === null ? {} : { for: seconds }) } };
  }

  get toxic() {
    const { stream, percent } = this.state;
    return { type: this.chosen.name, stream, toxicity: Number(percent) / 100, attributes: this.given };
  }

  set(name, value) {
    this.setState({ values: { ...this.state.values, [name]: value }, error: null });
  }

  async submit(event) {
    event.preventDefault();
    const { proxy, onClose } = this.props;
    const { rule } = this;
    try {
      if (this.chosen.isToxic) await add(proxy, this.toxic, this.seconds);
      else await arm(proxy, `${proxy}: armed ${formatRule(rule)}`, (rules) => (this.state.isAlone ? [rule] : [rule, ...rules]));
      onClose();
    } catch (error) {
      this.setState({ error });
    }
  }

  renderField(name, option) {
    const { kind, values, error } = this.state;
    return html`<${Field} key=${`${kind} ${name}`} id=${`option-${name}`} name=${name} option=${option} protocol=${this.props.state.protocol} value=${values[name]}
      wrong=${findWrong(error, name)} onChange=${(value) => this.set(name, value)}/>`;
  }

  renderKinds() {
    const group = (label, prefix, names) => html`<optgroup label=${label}>${names.map((name) => html`
      <option value=${`${prefix} ${name}`} selected=${this.state.kind === `${prefix} ${name}`}>${name}</option>`)}</optgroup>`;
    const behaviors = Object.keys(declared.behaviors).filter((name) => name !== 'dummy');
    return html`<div class="field"><label for="kind">Fault</label>
      <div class="input"><select id="kind" onChange=${(event) => this.setState({ kind: event.currentTarget.value, values: {}, error: null })}>
        ${group('Behaviors: done to a request', 'behavior', behaviors)}${group('Toxics: done to the bytes of a stream', 'toxic', Object.keys(declared.toxics))}
      </select></div>
      ${NEEDS[this.chosen.name] && html`<p class="help">${NEEDS[this.chosen.name]}</p>`}</div>`;
  }

  renderAmount({ isToxic }) {
    const { percent, seconds, stream, error } = this.state;
    const wrong = findWrong(error, 'for');
    const onPercent = (event) => this.setState({ percent: event.currentTarget.value, error: null });
    return html`<div class="field"><label for="percent">${isToxic ? 'Share of links' : 'Share of requests'}</label>
        <div class="input"><input type="range" min="0" max="100" step="1" value=${percent} aria-label="Percent, as a slider" onInput=${onPercent}/>
          <input id="percent" class="short" type="number" min="0" max="100" step="any" required value=${percent} onInput=${onPercent}/><span class="unit">%</span></div></div>
      <div class="field"><label for="seconds">For</label>
        <div class="input"><input id="seconds" class="short" value=${seconds} placeholder="ever" autocomplete="off" spellcheck=${false} aria-invalid=${wrong ? 'true' : null}
          onInput=${(event) => this.setState({ seconds: event.currentTarget.value, error: null })}/><span class="unit">s</span>
          ${[10, 30, 120, ''].map((one) => html`<button type="button" aria-pressed=${String(String(one) === seconds)} onClick=${() => this.setState({ seconds: String(one), error: null })}>
            ${one === '' ? 'no end' : `${one} s`}</button>`)}</div>
        ${wrong && html`<p class="wrong" role="alert">${wrong}</p>`}</div>
      ${isToxic && html`<div class="field"><label for="stream">Stream</label><div class="input"><select id="stream"
        onChange=${(event) => this.setState({ stream: event.currentTarget.value })}>${STREAMS.map((one) => html`<option selected=${one === stream}>${one}</option>`)}</select></div>
        <p class="help">downstream: replies · upstream: requests</p></div>`}`;
  }

  render({ proxy, state, onClose }, { values, isAlone, error }) {
    const { isToxic, options } = this.chosen;
    const names = Object.keys(options).filter((name) => isToxic || (!OWN.includes(name) && !LIMITS.includes(name)));
    const shown = names.filter((name) => isFor(options[name], state.protocol));
    const rules = isToxic ? [] : [this.rule];
    return html`<${Dialog} title=${`Arm a fault on ${proxy}`} onClose=${onClose}>
      <form onSubmit=${(event) => this.submit(event)}>
        ${this.renderKinds()}${this.renderAmount({ isToxic })}
        ${shown.map((name) => this.renderField(name, options[name]))}
        ${!isToxic && html`${this.renderField('match', options.match)}${!findWrong(error, 'match') && html`<${Trial} pattern=${values.match} proxy=${proxy}/>`}
          <details><summary>More limits</summary>${LIMITS.filter((name) => name in options).map((name) => this.renderField(name, options[name]))}</details>`}
        ${!isToxic && state.rules.length > 0 && html`<label class="check"><input type="checkbox" checked=${isAlone}
          onChange=${(event) => this.setState({ isAlone: event.currentTarget.checked })}/> Instead of what is armed</label>`}
        <${Wrong} error=${error} names=${['for', ...Object.keys(options)]}/>
        <div class="bar"><button class="main">Arm</button></div>
      </form>
      <details><summary>Copy as</summary><${CopyAs} id="arming" name=${proxy} state=${state} rules=${rules} toxics=${isToxic ? [this.toxic] : []}/></details>
    <//>`;
  }
}
