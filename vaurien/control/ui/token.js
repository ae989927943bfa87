/** The dialog that asks for the token of the server. */

import { Dialog } from '/ui/dialog.js';
import { Component, html } from '/ui/html.js';

export class Token extends Component {
  state = { text: '' };

  submit(event) {
    event.preventDefault();
    this.props.onGiven(this.state.text);
  }

  render({ wasWrong, onClose }, { text }) {
    return html`<${Dialog} title="Token" onClose=${onClose}><form onSubmit=${(event) => this.submit(event)}>
      <div class="field"><label for="token">Token of the server</label><div class="input"><input id="token" type="password" required autocomplete="off" value=${text}
        onInput=${(event) => this.setState({ text: event.currentTarget.value })}/></div>
        <p class="help">That of --api-token. It is kept in this tab until you close it.</p></div>
      ${wasWrong && html`<p class="wrong" role="alert">That is not it.</p>`}
      <div class="bar"><button class="main">Go on</button></div></form><//>`;
  }
}
