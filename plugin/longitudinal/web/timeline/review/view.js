// @ts-check
/** What waits for review. */

import { html } from '../../shared/html.js';

/** @param {import('../app.js').ViewProps} props */
export function View(props) {
  return html`<p>${props.address.view}</p>`;
}
