/** Which requests a pattern fits. The server says it: so a pattern means here what it means in a rule. */

import { call } from '/ui/api.js';

/** The most texts of one question, and the most answers that are kept of one pattern. */
const MOST = 500;
const KEPT = 20000;

/** A pattern with what is known of the texts that it was tried on. */
export class Pattern {
  constructor(text) {
    this.text = text;
    this.known = new Map();
  }

  /** Find out whether it fits *texts*; throw an Error if it is none. */
  async learn(texts) {
    const unknown = [...new Set(texts)].filter((text) => !this.known.has(text));
    if (this.known.size > KEPT) this.known.clear();
    for (let i = 0; i < Math.max(1, unknown.length); i += MOST) {
      const requests = unknown.slice(i, i + MOST);
      const { matches } = await call('POST', '/match', { match: this.text, requests });
      requests.forEach((text, j) => this.known.set(text, matches[j]));
    }
  }

  fits(text) {
    return this.known.get(text) ?? false;
  }
}
