// @ts-check
/**
 * The shared view of somebody who has opened a link to one patient.
 *
 * The secret stands after the # of the link, where no server sees it. It is exchanged once for a cookie that scripts cannot
 * read, so a mark beside it says that there may be one.
 */

import { Problem } from '../../shared/api.js';
import { readAddress, writeAddress } from '../address.js';

const MARK = 'longitudinal-share';
const IN_HASH = /[#&]share=([^&]*)/;
const ENDS = ['shareUsed', 'shareExpired', 'shareRevoked', 'shareImpossible', 'notFound'];

/**
 * @typedef {{until: string, patientId: string, deIdentified: boolean}} Share
 * @typedef {{key: string, values?: Record<string, string>}} End why there is no shared view, as a word
 */

/** @type {Share | null} */
let opened = null;

/** The shared view of this page; null for whoever looks at it with a login. */
export function openedShare() {
  return opened;
}

/**
 * Open the link of the address, or go on with the view that was opened before.
 *
 * @param {import('../../shared/api.js').Api} api
 * @returns {Promise<End | null>} null where the page is shown
 */
export async function openSession(api) {
  const found = IN_HASH.exec(location.hash);
  if (found === null && marked() === null) {
    return null;
  }
  if (found !== null) {
    history.replaceState(null, '', location.pathname + location.search);
  }
  const end = found === null ? null : await exchange(api, decodeURIComponent(found[1]));
  return end ?? resume(api);
}

/** @param {import('../../shared/api.js').Api} api @param {string} secret @returns {Promise<End | null>} */
async function exchange(api, secret) {
  const me = await api.ask('/me').catch(() => null);
  if (me !== null && me.share === null) {
    return { key: 'share.end.loggedIn', values: { name: me.name } };
  }
  try {
    const { until } = await api.ask('/share-session', { body: { secret } });
    mark(until);
    return null;
  } catch (error) {
    return endOf(error);
  }
}

/** @param {import('../../shared/api.js').Api} api @returns {Promise<End | null>} */
async function resume(api) {
  const until = marked() ?? '';
  try {
    const { share } = await api.ask('/me');
    if (share === null) { // somebody has logged in since
      mark(null);
      return null;
    }
    opened = { ...share, until: [share.until, until].filter(Boolean).map((text) => new Date(text).toISOString()).sort()[0] };
  } catch (error) {
    if (!(error instanceof Problem) || error.mayPass) {
      return endOf(error);
    }
    mark(null);
    return { key: 'share.end.over' };
  }
  api.isShared = true;
  const { view, patient, study, point } = readAddress(location.search);
  if (view !== 'point' || !(patient || study || point)) {
    history.replaceState(null, '', `${location.pathname}${writeAddress({ view: 'point', patient: share().patientId })}`);
  }
  return null;
}

/** @returns {Share} */
function share() {
  return /** @type {Share} */ (opened);
}

/** @param {unknown} error @returns {End} */
function endOf(error) {
  if (error instanceof Problem && ENDS.includes(error.code)) {
    return { key: `share.end.${error.code}` };
  }
  return { key: 'share.end.failed', values: { detail: error instanceof Error ? error.message : String(error) } };
}

/** Until when there may be a session; null: none. */
function marked() {
  try {
    return localStorage.getItem(MARK);
  } catch {
    return null;
  }
}

/** @param {string | null} until */
function mark(until) {
  try {
    if (until === null) {
      localStorage.removeItem(MARK);
    } else {
      localStorage.setItem(MARK, until);
    }
  } catch {
    // where nothing is kept, the view ends when the page is loaded again
  }
}
