/** A dialog: the browser keeps the focus in it, and closes it on Escape. */

import { Component, html } from '/ui/html.js';

export class Dialog extends Component {
  componentDidMount() { this.root.showModal(); }

  render({ title, onClose, isWide, children }) {
    return html`<dialog ref=${(element) => { this.root = element; }} class=${isWide ? 'wide' : ''} aria-label=${title} onClose=${onClose}
        onClick=${(event) => event.target === event.currentTarget && event.currentTarget.close()}>
      <div class="sheet">
        <header class="top"><h2>${title}</h2>
          <button type="button" class="close" aria-label="Close" onClick=${(event) => event.currentTarget.closest('dialog').close()}>×</button>
        </header>
        ${children}
      </div>
    </dialog>`;
  }
}
