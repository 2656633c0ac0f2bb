// @ts-check
/** Points that somebody marked in fiducials and structure sets, in the side panel: a click goes there in every study. */

import { inPath } from '../../shared/api.js';
import { html, useEffect, useState } from '../../shared/html.js';
import { hasWord, word } from '../../shared/words.js';

const MOST = 200;

/** @param {{page: import('../point/page_model.js').PageModel}} props */
export function Fiducials({ page }) {
  const [found, setFound] = useState(/** @type {any} */ (null));
  const [problem, setProblem] = useState('');
  const patient = page.patient?.orthancPatientId;
  useEffect(() => {
    if (patient === undefined) {
      return undefined;
    }
    const controller = new AbortController();
    const { signal } = controller;
    page.api.ask(`/patients/${inPath(patient)}/fiducials?limit=${MOST}`, { signal }).then(
      (answer) => {
        setFound({ of: patient, ...answer });
        setProblem('');
      },
      (error) => signal.aborted || setProblem(error.message),
    );
    return () => controller.abort();
  }, [page, patient]);
  if (problem) {
    return html`<p class="problem" role="alert">${word('rt.points.noAnswer', { reason: problem })}</p>`;
  }
  if (found?.of !== patient || found.points.length === 0) {
    return null;
  }
  const points = page.exam === undefined ? found.points
    : found.points.filter((/** @type {any} */ point) => page.tiles.some(({ uid }) => uid === point.studyInstanceUid));
  const left = found.total - found.points.length;
  return html`<section class="rt-points" aria-labelledby="rt-points-title"><h3 id="rt-points-title">${word('rt.points')}</h3>
    <ul class="rt-lines">${points.map((/** @type {any} */ point) => html`<${Point} key=${keyOf(point)} point=${point} page=${page} />`)}</ul>
    ${left > 0 && html`<p class="quiet">${word('rt.moreProblems', { count: left })}</p>`}
  </section>`;
}

/** @param {{point: any, page: import('../point/page_model.js').PageModel}} props */
function Point({ point, page }) {
  const name = nameOf(point);
  const more = [point.studyDate, point.label, point.description, point.statedUncertaintyMm !== null && word('rt.points.stated', { mm: point.statedUncertaintyMm })].filter(Boolean).join(' · ');
  if (point.reason !== null) {
    return html`<li class="rt-point"><span class="rt-name">${name}</span><span class="rt-more">${[more, reasonText(point)].filter(Boolean).join(' · ')}</span></li>`;
  }
  const { frameOfReferenceUid, x, y, z } = point;
  const question = { patientId: page.patient.orthancPatientId, frameOfReferenceUid, x, y, z };
  return html`<li class="rt-point"><button type="button" aria-current=${isSame(page.question, question) ? 'true' : undefined}
      onClick=${() => page.ask(question, null)}>${word('rt.points.go', { name })}</button><span class="rt-more">${more}</span></li>`;
}

/** @param {any} point */
function keyOf({ sopInstanceUid, kind, setNumber, roiNumber, number }) {
  return [sopInstanceUid, kind, setNumber, roiNumber, number].join(' ');
}

/** @param {any} point */
function nameOf({ name, meaning, number }) {
  return [name, meaning].filter(Boolean).join(' · ') || word('rt.points.number', { number });
}

/** @param {any} one @param {any} other */
function isSame(one, other) {
  return one !== null && ['frameOfReferenceUid', 'x', 'y', 'z'].every((key) => one[key] === other[key]);
}

/** @param {{reason: string, detail: string}} point */
function reasonText({ reason, detail }) {
  const key = `rt.points.reason.${reason}`;
  return hasWord(key) ? word(key) : `${reason} ${detail}`;
}
