// @ts-check
/** Treatments and RT Images below the studies on the time axis: a mark a day, or for days that lie close together; what it holds on focus or under the pointer. */

import { html, useState } from '../../shared/html.js';
import { word } from '../../shared/words.js';
import { clustersOf, linesOfCluster, nameOfCluster } from './treatments.js';

const MIDDLE = 50; // per cent: what is told lies towards it
const NEAR = 2.2; // per cent: a mark is 24 pixels wide, a line about 1,200

/**
 * @param {object} props
 * @param {import('./treatments.js').Entry[]} props.entries
 * @param {number[]} props.places per cent of the line, of each
 */
export function TreatmentMarks({ entries, places }) {
  const [open, setOpen] = useState(/** @type {number | null} */ (null));
  const clusters = clustersOf(entries, places, NEAR);
  return html`<ul class="treatments" aria-label=${word('rt.axis')}>
    ${clusters.map((cluster, at) => html`<li key=${cluster.entries[0].id} style=${{ left: `${cluster.place}%` }}
      onMouseEnter=${() => setOpen(at)} onMouseLeave=${() => setOpen(null)} onfocusin=${() => setOpen(at)} onfocusout=${() => setOpen(null)}
      onKeyDown=${(/** @type {KeyboardEvent} */ event) => event.key === 'Escape' && setOpen(null)}>
      <button type="button" class="treatment" aria-label=${nameOfCluster(cluster)} aria-describedby=${open === at ? 'treatments-told' : undefined}
        onClick=${() => setOpen(at)}><${Shape} cluster=${cluster} /></button>
      ${open === at && html`<div class=${`treatments-told ${cluster.place < MIDDLE ? 'to-right' : 'to-left'}`} role="tooltip" id="treatments-told">
        <strong>${nameOfCluster(cluster)}</strong>
        <ul>${linesOfCluster(cluster).map((line, number) => html`<li key=${number} class=${line.isDoubtful ? 'warning' : ''}>
          <span class="treatment-date">${line.date}</span> ${line.text}</li>`)}</ul>
      </div>`}
    </li>`)}
  </ul>`;
}

/** A diamond for treatments, a square for pictures alone, and how many. @param {{cluster: import('./treatments.js').Cluster}} props */
function Shape({ cluster: { entries } }) {
  const isTreatment = entries.some(({ kind }) => kind === 'treatment');
  return html`<svg viewBox="0 0 10 10" width="10" height="10" aria-hidden="true">
      ${isTreatment ? html`<path d="M5 0 10 5 5 10 0 5z" fill="currentColor" />` : html`<rect x="1" y="1" width="8" height="8" fill="none" stroke="currentColor" stroke-width="2" />`}
    </svg>${entries.length > 1 && html`<span aria-hidden="true">${entries.length}</span>`}`;
}
