/** The open links of a proxy, and the history of one. */

import { cut } from '/ui/acts.js';
import { call, pathOf } from '/ui/api.js';
import { Dialog } from '/ui/dialog.js';
import { Exchange } from '/ui/exchange.js';
import { Component, html } from '/ui/html.js';
import { store } from '/ui/store.js';
import { formatBytes, formatNumber, formatSpan } from '/ui/units.js';

/** Milliseconds between two looks at the links. */
const PERIOD = 1000;
/** The most that are shown. */
const SHOWN = 100;

/** Looks at the open links, again and again. */
class Looking extends Component {
  state = { links: null };

  componentDidMount() { this.look(); }

  componentWillUnmount() { clearTimeout(this.timer); }

  async look() {
    try {
      this.setState(await call('GET', pathOf(this.props.proxy, '/links')));
    } catch (error) {
      // The proxy is gone; or else nobody answers, and what is known stays.
      if (error.status) this.setState({ links: [] });
    }
    this.timer = setTimeout(() => this.look(), PERIOD);
  }
}

function Row({ proxy, link, onOpen }) {
  return html`<tr><th scope="row"><button type="button" class="plain" onClick=${() => onOpen(link.id)}>${link.id}</button></th>
    <td class="code">${link.client ?? '–'}</td><td class="number">${formatSpan(link.age)}</td><td class="number">${formatNumber(link.exchanges)}</td>
    <td class="number">${formatBytes(link.bytes.upstream)} / ${formatBytes(link.bytes.downstream)}</td>
    <td>${[link.behavior, ...link.toxics].filter(Boolean).join(', ')}</td>
    <td><button type="button" aria-label=${`Cut link ${link.id}`} onClick=${() => cut(proxy, link.id)}>Cut</button></td></tr>`;
}

export class Links extends Looking {
  render({ proxy, onOpen, onClose }, { links }) {
    return html`<${Dialog} title=${`Open links of ${proxy}`} isWide onClose=${onClose}>
      ${links?.length === 0 && html`<p class="none">No link is open.</p>`}
      ${links?.length > 0 && html`<div class="scroll" tabindex="0" role="region" aria-label="Links"><table><thead><tr>${['link', 'client', 'age', 'exchanges', 'bytes up / down', 'fault', ''].map((head) => (
        head ? html`<th scope="col">${head}</th>` : html`<td></td>`))}</tr></thead>
        <tbody>${links.slice(0, SHOWN).map((link) => html`<${Row} key=${link.id} proxy=${proxy} link=${link} onOpen=${onOpen}/>`)}</tbody></table></div>`}
      ${links?.length > SHOWN && html`<p class="help">and ${links.length - SHOWN} more</p>`}
    <//>`;
  }
}

export class History extends Looking {
  render({ proxy, link, onClose }, { links }) {
    const open = links?.find((one) => one.id === link);
    const own = store.exchanges.filter((one) => one.proxy === proxy && one.link === link).slice(-200).reverse();
    return html`<${Dialog} title=${`Link ${link} of ${proxy}`} isWide onClose=${onClose}>
      <div class="bar"><p>${open ? `Open for ${formatSpan(open.age)}, ${formatNumber(open.exchanges)} exchanges, ${formatBytes(open.bytes.upstream)} up, ${formatBytes(open.bytes.downstream)} down.` : links && 'It is closed.'}</p>
        ${open && html`<button type="button" onClick=${() => cut(proxy, link)}>Cut this link</button>`}</div>
      <ol class="exchanges">${own.map((one) => html`<li key=${one.exchange}><${Exchange} exchange=${one}/></li>`)}</ol>
      ${own.length === 0 && html`<p class="none">None of its exchanges was seen here.</p>`}
    <//>`;
  }
}
