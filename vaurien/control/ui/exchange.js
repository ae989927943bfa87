/** One exchange of the live list. */

import { Component, html } from '/ui/html.js';
import { formatClock, formatSeconds } from '/ui/units.js';

/** Return what has become of an exchange, in a word, and whether it is good. */
export function judge({ reply, executed }) {
  if (reply === null) return ['no reply', 'bad'];
  if (reply === 'error' || reply === 'rolled back') return [executed ? reply : `${reply}, not carried out`, 'bad'];
  return [reply === 'nothing' ? 'found nothing' : reply, 'good'];
}

export class Exchange extends Component {
  shouldComponentUpdate({ exchange }) { return exchange !== this.props.exchange; }

  render({ exchange }) {
    const [word, tone] = judge(exchange);
    const faults = [exchange.behavior, ...(exchange.toxics ?? [])].filter(Boolean);
    return html`<div class=${faults.length ? 'exchange faulty' : 'exchange'}>
      <span class="request code">${exchange.request || '(nothing)'}</span>
      <span>${faults.map((fault) => html`<span class="fault">${fault}</span>`)}</span>
      <span class="took" title="what the client waited">${formatSeconds(exchange.client_time)}</span>
      <span class="facts"><time>${formatClock(exchange.time, true)}</time><span>${exchange.proxy} #${exchange.link}</span>
        ${exchange.client && html`<span class="client">${exchange.client}</span>`}
        <span class=${tone}>${word}</span></span>
    </div>`;
  }
}
