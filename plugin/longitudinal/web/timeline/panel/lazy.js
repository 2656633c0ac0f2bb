// @ts-check
/** A part of the page that is loaded when it is first wanted: the first picture does not wait for it. */

import { html, useEffect, useState } from '../../shared/html.js';
import { word } from '../../shared/words.js';

/** @param {{load: () => Promise<any>, with: object}} props load: resolves to the component; with: what it is given */
export function Lazy({ load, with: given }) {
  const [View, setView] = useState(/** @type {any} */ (null));
  const [isBroken, setBroken] = useState(false);
  useEffect(() => {
    load().then((found) => setView(() => found), () => setBroken(true));
  }, []);
  if (isBroken) {
    return html`<p class="warning" role="alert">${word('app.viewMissing')}</p>`;
  }
  return View === null ? null : html`<${View} ...${given} />`;
}
