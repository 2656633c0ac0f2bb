// @ts-check
/** The structure sets, segmentations and doses that do not fit what is displayed, in the panel. */

import { html } from '../../web/shared/html.js';
import { useObservable } from '../../web/shared/observable.js';
import { word } from '../../web/shared/words.js';

const MOST = 20;

/** @param {{session: import('./session.js').Session}} props */
export function MisfitsList({ session }) {
  const misfits = useObservable(session.misfits);
  const { list, message, counts } = misfits;
  if (list.length === 0 && !message) {
    return null;
  }
  return html`<section class="misfits" aria-label=${word('ohif.misfits')}>
    <h3>${word('ohif.misfits')}</h3>
    ${message && html`<p class="problem" role="alert">${message}</p>`}
    ${list.length > 0 && html`<p class="quiet">${word('ohif.misfits.how')}</p>`}
    <ul>${list.slice(0, MOST).map(({ id, modality, name, reasons }) => html`<li key=${id} data-object=${id}>
      <strong>${modality} “${name}”</strong>
      ${reasons.map((reason) => html`<span class="problem" key=${reason}>${reason}</span>`)}
    </li>`)}</ul>
    ${list.length > MOST && html`<p class="quiet">${word('rt.moreProblems', { count: list.length - MOST })}</p>`}
    ${counts.seen < counts.total && html`<p class="quiet">${word('ohif.misfits.seen', { seen: counts.seen, total: counts.total })}</p>`}
  </section>`;
}
