/** The field of a form for a declared option: what its JSON Schema allows, with its unit, its range and its default. */

import { html } from '/ui/html.js';

/** How a part of a help text begins that is for some protocols only: `mysql, smtp: `. */
const NAMES = '(?:http|memcache|mysql|postgres|redis|smtp|tcp)';
const PART = new RegExp(`(?:^|; )(${NAMES}(?:, ${NAMES})*): `);

/** Return the schemas of which a value fits one, without those for null. */
const flatten = (schema) => (schema.anyOf ? schema.anyOf.flatMap(flatten) : schema.type === 'null' ? [] : [schema]);

const isNumber = (schema) => schema.type === 'number' || schema.type === 'integer';

/** Return the range of a number in words; those of 64 bits say nothing. */
function describeRange({ minimum, maximum, exclusiveMinimum }) {
  const isSaid = (bound) => bound !== undefined && Math.abs(bound) < 1e15;
  if (isSaid(minimum) && isSaid(maximum)) return `${minimum} to ${maximum}`;
  if (isSaid(exclusiveMinimum)) return `above ${exclusiveMinimum}`;
  return isSaid(minimum) ? `${minimum} or more` : '';
}

/** Return what the API is to get for what was typed; undefined: nothing, so that the default applies. */
export function read(option, text) {
  if (text === '' || text === undefined) return undefined;
  const kinds = flatten(option.schema);
  if (typeof text === 'boolean') return text;
  if (kinds.some((kind) => kind.type === 'boolean')) return text === 'true';
  return kinds.some(isNumber) ? readNumber(text) : text;
}

/** Return the number that a text is; another text, such as one with a unit, as it is. */
export const readNumber = (text) => (/^-?\d+(\.\d+)?$/.test(text.trim()) ? Number(text) : text);

/** Return the protocols that an option is for, with which the parts of its help text begin; none: it is for all. */
export const listProtocols = (option) => option.help.split(PART).filter((_, i) => i % 2).flatMap((names) => names.split(', '));

/** Return what the help text of an option says to those who have a protocol. */
function describe({ help }, protocol) {
  const [common, ...parts] = help.split(PART);
  return common || parts.filter((_, i) => i % 2 && parts[i - 1].split(', ').includes(protocol)).join('; ');
}

/** Whether an option is for a protocol. */
export function isFor(option, protocol) {
  const named = listProtocols(option);
  return named.length === 0 || named.includes(protocol);
}

function describeDefault(value) {
  if (value === null) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

export function Field({ id, name, option, protocol, value = '', wrong, onChange }) {
  const kinds = flatten(option.schema);
  const number = kinds.find(isNumber);
  const values = kinds.find((kind) => kind.enum)?.enum ?? (kinds.some((kind) => kind.type === 'boolean') ? ['true', 'false'] : null);
  const isPlainNumber = number && kinds.length === 1;
  const example = kinds.flatMap((kind) => kind.examples ?? [])[0];
  const range = number ? describeRange(number) : '';
  const common = {
    id, name, value, 'aria-describedby': `${id}-help`, 'aria-invalid': wrong ? 'true' : null,
    onInput: (event) => onChange(event.currentTarget.value),
  };
  const fallback = describeDefault(option.default);
  return html`<div class="field">
    <label for=${id}>${name.replaceAll('_', ' ')}</label>
    <div class="input">
      ${values
        ? html`<select ...${common}><option value="">${fallback ? `${fallback} (default)` : '–'}</option>${values.map((one) => html`<option>${one}</option>`)}</select>`
        : html`<input ...${common} type=${isPlainNumber ? 'number' : 'text'} step=${number?.type === 'integer' ? 1 : 'any'}
            min=${isPlainNumber ? number.minimum : null} max=${isPlainNumber ? number.maximum : null}
            inputmode=${number ? 'decimal' : null} placeholder=${fallback || (option.unit ? '' : '–')} autocomplete="off" spellcheck=${false}/>`}
      ${option.unit && html`<span class="unit">${option.unit}</span>`}
    </div>
    <p class="help" id=${`${id}-help`}>${describe(option, protocol)}${range && ` · ${range}`}${example && ` · or ${example}`}</p>
    ${wrong && html`<p class="wrong" role="alert">${wrong}</p>`}
  </div>`;
}
