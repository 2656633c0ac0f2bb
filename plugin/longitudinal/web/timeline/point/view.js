// @ts-check
/** One place of the body in every study of a patient. */

import { html } from '../../shared/html.js';
import { Bar } from '../bar.js';

/** @param {import('../app.js').ViewProps} props */
export function View({ address, go }) {
  return html`<${Bar} address=${address} go=${go} /><main class="point"></main>`;
}
