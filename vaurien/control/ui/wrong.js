/** What is wrong in a form, by the last error: said once, beside the field that it is about, or else at the end. */

import { html } from '/ui/html.js';

/** Return what an error says of a field; null: nothing. The field is the end of the path of what is wrong. */
export const findWrong = (error, name) => (error?.path?.split('.').at(-1) === name ? error.message : null);

/** What is said of an error that is about none of the fields with these *names*. */
export function Wrong({ error, names = [] }) {
  if (!error || names.some((name) => findWrong(error, name))) return null;
  return html`<p class="wrong" role="alert">${[error.path, error.message].filter(Boolean).join(': ')}</p>`;
}
