/** What is armed, to be copied: one form at a time. */

import { FORMS } from '/ui/copy.js';
import { Component, html } from '/ui/html.js';

export class CopyAs extends Component {
  state = { form: 'Shell', isCopied: false };

  async copy(text) {
    await navigator.clipboard.writeText(text);
    this.setState({ isCopied: true });
    setTimeout(() => this.setState({ isCopied: false }), 1500);
  }

  render({ id, name, state, rules, toxics }, { form, isCopied }) {
    const text = FORMS[form](name, state, rules, toxics);
    const choices = Object.keys(FORMS).map((one) => html`<label><input type="radio" name=${`form-${id}`} data-form=${one} checked=${one === form}
      onChange=${() => this.setState({ form: one, isCopied: false })}/><span>${one}</span></label>`);
    return html`<div class="copy">
      <div class="bar"><fieldset class="choice"><legend class="unseen">Copy as</legend>${choices}</fieldset>
        ${navigator.clipboard && html`<button type="button" onClick=${() => this.copy(text)}>${isCopied ? 'Copied' : 'Copy'}</button>`}</div>
      <pre tabindex="0" aria-label=${`As ${form}`}>${text}</pre>
    </div>`;
  }
}
