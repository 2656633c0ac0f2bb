// @ts-check
/** Who is logged in, where the server restricts what people see. */

import { Api, placeOf } from '../../shared/api.js';
import { html, useEffect, useState } from '../../shared/html.js';
import { word } from '../../shared/words.js';

/** @typedef {{name: string, how: string, roles: string[], seesEverything: boolean, shareDays: number | null, share: any}} Me */

/** @type {Promise<Me | null> | null} asked once for all views of the page */
let asked = null;

/** @returns {Promise<Me | null>} null where nothing is restricted, or the server does not answer */
export function whoIs() {
  asked ??= askWho();
  return asked;
}

/** @returns {Promise<Me | null>} */
function askWho() {
  if (document.querySelector('meta[name=longitudinal-access]')?.getAttribute('content') !== 'restricted') {
    return Promise.resolve(null);
  }
  const root = document.querySelector('meta[name=longitudinal-root]')?.getAttribute('content') ?? '/imaging';
  return new Api(placeOf(location.pathname, root)).ask('/me').catch(() => {
    asked = null; // asked again by the next view
    return null;
  });
}

/** The name and the roles of whoever is logged in; nothing where nothing is restricted. */
export function Who() {
  const [me, setMe] = useState(/** @type {Me | null} */ (null));
  useEffect(() => {
    let isWanted = true;
    whoIs().then((found) => isWanted && setMe(found));
    return () => {
      isWanted = false;
    };
  }, []);
  if (me === null || me.share !== null) {
    return null;
  }
  const roles = me.roles.map((role) => word(`who.${role}`)).join(', ');
  const range = word(me.seesEverything ? 'who.everything' : 'who.some');
  return html`<p class="who" title=${word('who.title', { name: me.name, roles, range })}>${me.name} <span class="quiet">${roles}</span></p>`;
}
