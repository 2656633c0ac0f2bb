// @ts-check
/** What the viewports do together: one switch for each. */

import { html } from '../../web/shared/html.js';
import { useObservable } from '../../web/shared/observable.js';
import { word } from '../../web/shared/words.js';
import { ACTIONS } from './follow.js';

/** @param {{session: import('./session.js').Session}} props */
export function Links({ session }) {
  const follow = useObservable(session.follow);
  return html`<fieldset class="links"><legend>${word('ohif.link')}</legend>
    ${ACTIONS.map((action) => html`<label key=${action}>
      <input type="checkbox" checked=${follow.linked.has(action)} onChange=${() => follow.toggle(action)} /> ${word(`ohif.link.${action}`)}
    </label>`)}
  </fieldset>`;
}
