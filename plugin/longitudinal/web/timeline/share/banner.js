// @ts-check
/** What is said above a shared view, and in its place where it cannot be opened. */

import { html, useEffect, useState } from '../../shared/html.js';
import { word } from '../../shared/words.js';
import { openedShare } from './session.js';

const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Until when the view is shared; when that has passed, the page says so in place of what it cannot load any more. */
export function ShareBanner() {
  const share = openedShare();
  const [isOver, setOver] = useState(false);
  useEffect(() => {
    if (share === null) {
      return undefined;
    }
    const left = new Date(share.until).getTime() - Date.now();
    const timer = setTimeout(() => setOver(true), Math.min(Math.max(0, left), LONGEST_TIMER_MS));
    return () => clearTimeout(timer);
  }, [share]);
  if (share === null) {
    return null;
  }
  return html`<p class="share-banner" role=${isOver ? 'alert' : 'note'}>${isOver
    ? word('share.end.over')
    : html`<strong>${word('share.banner', { until: momentOf(share.until) })}</strong>${share.deIdentified && html` <span>${word('share.banner.masked')}</span>`}`}</p>`;
}

/** @param {{end: import('./session.js').End}} props */
export function ShareEnd({ end }) {
  useEffect(() => {
    document.title = word('share.end.title');
  }, []);
  return html`<main class="share-end">
    <h1>${word('share.end.title')}</h1>
    <p role="alert">${word(end.key, end.values)}</p>
    <p class="notice">${word('app.notice')}</p>
  </main>`;
}

/** @param {string} iso @returns {string} in the reader's own time, to the minute */
export function momentOf(iso) {
  const time = new Date(iso);
  const two = (/** @type {number} */ value) => String(value).padStart(2, '0');
  return `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())} ${two(time.getHours())}:${two(time.getMinutes())}`;
}
