/** A pattern that is tried while it is typed, on the last requests of a proxy. */

import { Component, html } from '/ui/html.js';
import { Pattern } from '/ui/match.js';
import { store } from '/ui/store.js';

/** How many requests it is tried on, and milliseconds after the last key. */
const REQUESTS = 500;
const PAUSE = 150;

export class Trial extends Component {
  componentDidMount() { this.start(); }

  componentDidUpdate(before) {
    if (before.pattern !== this.props.pattern || before.proxy !== this.props.proxy) this.start();
  }

  componentWillUnmount() { clearTimeout(this.timer); }

  start() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.attempt(), PAUSE);
  }

  async attempt() {
    const { pattern: text, proxy } = this.props;
    const own = store.exchanges.filter((one) => one.proxy === proxy).slice(-REQUESTS).map((one) => one.request);
    if (!text) return this.setState({ said: '', examples: [], isBad: false });
    const pattern = new Pattern(text);
    try {
      await pattern.learn(own);
    } catch (error) {
      return this.setState({ said: error.message, examples: [], isBad: true });
    }
    if (text !== this.props.pattern) return undefined;
    const hit = own.filter((one) => pattern.fits(one));
    const examples = [...new Set(hit)].slice(-3);
    return this.setState({ said: `Would have hit ${hit.length} of the last ${own.length} requests.`, examples, isBad: false });
  }

  render(props, { said, examples = [], isBad }) {
    return html`<div class=${isBad ? 'trial bad' : 'trial'} role="status">${said}${examples.map((text) => html`<code>${text}</code>`)}</div>`;
  }
}
