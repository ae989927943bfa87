/** How the page is written: `html` makes elements of Preact from a template; nothing has to be compiled for that. */

import htm from '/ui/lib/htm.mjs';
import { Component, h, render } from '/ui/lib/preact.mjs';

export const html = htm.bind(h);
export { Component, render };

/** Return the class names whose values are true. */
export const classes = (names) => Object.keys(names).filter((name) => names[name]).join(' ');
