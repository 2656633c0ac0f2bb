// @ts-check
/** The bar on top of every view: the way to the others, and what the page is not for. */

import { html } from '../shared/html.js';
import { word } from '../shared/words.js';
import { Who } from './access/who.js';
import { writeAddress } from './address.js';
import { HelpButton } from './panel/help.js';
import { openedShare } from './share/session.js';

/**
 * @param {object} props
 * @param {import('./address.js').Address} props.address
 * @param {(address: object) => void} props.go
 * @param {string} [props.patient] Orthanc id of the one who is shown, whom the list then shows too
 * @param {any} [props.children] what the view puts between
 */
export function Bar({ address, go, patient, children }) {
  /** @param {MouseEvent} event */
  function find(event) {
    if (event.ctrlKey || event.metaKey || event.shiftKey) {
      return; // a tab of its own
    }
    event.preventDefault();
    go({ view: 'find', patient });
  }
  return html`<header class="bar">
    ${openedShare() === null && html`<a class="button" href=${writeAddress({ view: 'find', patient })} onClick=${find} aria-current=${address.view === 'find' ? 'page' : undefined}>${word('app.find')}</a>`}
    <div class="bar-middle">${children}</div>
    <${Who} />
    <${HelpButton} />
    <p class="notice">${word('app.notice')}</p>
  </header>`;
}
