// @ts-check
/** Find: patients and their studies on a time axis. */

import { html } from '../../shared/html.js';
import { word } from '../../shared/words.js';
import { Bar } from '../bar.js';

/** @param {import('../app.js').ViewProps} props */
export function View({ address, go }) {
  return html`<${Bar} address=${address} go=${go}><h1>${word('find.title')}</h1></${Bar}><main class="find"></main>`;
}
