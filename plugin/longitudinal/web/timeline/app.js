// @ts-check
/** The page: which view the address names, and the way from one to the next. */

import { Api, placeOf } from '../shared/api.js';
import { html, render, useEffect, useState } from '../shared/html.js';
import { word } from '../shared/words.js';
import { readAddress, writeAddress } from './address.js';
import { ShareBanner, ShareEnd } from './share/banner.js';
import { openSession } from './share/session.js';

/** @typedef {import('./address.js').Address} Address */
/**
 * What each view is given.
 *
 * @typedef {object} ViewProps
 * @property {Address} address
 * @property {(address: Partial<Address>, how?: {replace?: boolean}) => void} go to another address; `replace` leaves no
 *   step in the browser's history
 * @property {Api} api
 */

const VIEWS = {
  find: () => import('./find/view.js'),
  point: () => import('./point/view.js'),
  align: () => import('./align/view.js'),
  review: () => import('./review/view.js'),
};

/** @param {{api: Api}} props */
function App({ api }) {
  const [address, setAddress] = useState(() => readAddress(location.search));
  const [loaded, setLoaded] = useState(/** @type {{name: string, View: any} | null} */ (null));
  const [isBroken, setBroken] = useState(false);

  useEffect(() => {
    const read = () => setAddress(readAddress(location.search));
    addEventListener('popstate', read);
    return () => removeEventListener('popstate', read);
  }, []);

  useEffect(() => {
    let isWanted = true;
    const name = address.view;
    setBroken(false);
    VIEWS[name]().then(
      ({ View }) => isWanted && setLoaded({ name, View }),
      () => isWanted && setBroken(true),
    );
    return () => {
      isWanted = false;
    };
  }, [address.view]);

  /** @type {ViewProps['go']} */
  function go(next, { replace = false } = {}) {
    const query = writeAddress(next);
    if (query !== location.search) {
      history[replace ? 'replaceState' : 'pushState'](null, '', query === '?' ? location.pathname : query);
    }
    setAddress(readAddress(query));
  }

  if (isBroken) {
    return html`<p class="message" role="alert">${word('app.viewMissing')}</p>`;
  }
  if (loaded === null || loaded.name !== address.view) {
    return html`<p class="message" role="status">${word('app.loading')}</p>`;
  }
  return html`<${loaded.View} address=${address} go=${go} api=${api} />`;
}

const root = document.querySelector('meta[name=longitudinal-root]')?.getAttribute('content') ?? '/imaging';
const mount = document.getElementById('app');
if (mount) {
  const api = new Api(placeOf(location.pathname, root));
  openSession(api).then((end) => render(end === null ? html`<${ShareBanner} /><${App} api=${api} />` : html`<${ShareEnd} end=${end} />`, mount));
}
