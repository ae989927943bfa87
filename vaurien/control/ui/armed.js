/** What is armed on a proxy: weights by sliders, a count-down, and an end at once. */

import { disarm, remove, weigh } from '/ui/acts.js';
import { html } from '/ui/html.js';
import { formatPercent, formatRule, formatToxic, withoutEnd } from '/ui/rules.js';
import { now, store } from '/ui/store.js';
import { formatSpan } from '/ui/units.js';
import { findEnd } from '/ui/windows.js';

function Rule({ proxy, rule }) {
  const end = findEnd(proxy, rule, store.changes);
  const words = formatRule(withoutEnd(rule));
  return html`<li>
    <input type="range" min="0" max="100" value=${rule.percent} aria-label=${`Percent of ${words}`}
      onChange=${(event) => weigh(proxy, rule, Number(event.currentTarget.value))}/>
    <span class="percent">${formatPercent(rule.percent)} %</span>
    <code>${words}</code>
    ${end !== null && html`<span class="left" role="timer">${formatSpan(end - now())} left</span>`}
    <button type="button" aria-label=${`Disarm ${words}`} onClick=${() => disarm(proxy, rule)}>Disarm</button>
  </li>`;
}

export function Armed({ proxy, state }) {
  if (!state.rules.length && !state.toxics.length) return null;
  return html`<ul class="armed" aria-label=${`Armed on ${proxy}`}>
    ${state.rules.map((rule, i) => html`<${Rule} key=${i} proxy=${proxy} rule=${rule}/>`)}
    ${state.toxics.map((toxic) => html`<li key=${toxic.name} class="toxic"><span class="kind">toxic</span><code>${formatToxic(toxic)}</code>
      <button type="button" aria-label=${`Remove ${toxic.name}`} onClick=${() => remove(proxy, toxic)}>Remove</button></li>`)}
  </ul>`;
}
