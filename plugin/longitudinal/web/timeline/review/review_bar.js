// @ts-check
/** The alignment that is reviewed, above the pictures: the places to look at one after the other, and the decision. */

import { inPath } from '../../shared/api.js';
import { html, useEffect, useState } from '../../shared/html.js';
import { word } from '../../shared/words.js';
import { writeAddress } from '../address.js';
import { detailOf } from '../point/messages.js';
import { Decision } from './decision.js';

/** @param {{page: import('../point/page_model.js').PageModel, transform: string, onClose: () => void}} props */
export function ReviewBar({ page, transform, onClose }) {
  const [known, setKnown] = useState(/** @type {any} */ (null));
  const [places, setPlaces] = useState(/** @type {any[]} */ ([]));
  const [at, setAt] = useState(0);
  const [problem, setProblem] = useState('');
  useEffect(() => {
    const controller = new AbortController();
    const { signal } = controller;
    read(page.api, transform, signal).then((found) => {
      setKnown(found.transform);
      setPlaces(found.places);
    }, (error) => signal.aborted || setProblem(detailOf(error)));
    return () => controller.abort();
  }, [transform]);
  /** @param {number} number */
  function walk(number) {
    setAt(number);
    const [x, y, z] = places[number].source;
    page.ask({ patientId: page.patient.orthancPatientId, frameOfReferenceUid: known.sourceFrameOfReferenceUid, x, y, z }, null);
  }
  const patient = page.patient?.orthancPatientId;
  const whole = known && { ...known, orthancPatientId: patient, ...studiesOf(page, known) };
  return html`<section class="review-bar" aria-label=${word('review.bar')}>
    ${problem && html`<p class="warning" role="alert">${word('review.failed', { detail: problem })}</p>`}
    ${known !== null && html`<div class="group tools">
      <h2>${word('review.bar')}</h2>
      ${places.map((place, number) => html`<button key=${number} aria-pressed=${number === at} onClick=${() => walk(number)}>${word('review.place', { number: number + 1, mm: place.expectedErrorMm.toFixed(1) })}</button>`)}
      ${places.length === 0 && html`<span class="quiet">${word('review.noPlaces')}</span>`}
      <a class="button" href=${writeAddress({ view: 'review', patient, exam: page.exam })}>${word('review.list')}</a>
      <button onClick=${onClose} aria-label=${word('review.close')}>×</button>
    </div>
    <${Decision} api=${page.api} transform=${whole} onDecided=${(/** @type {any} */ decided) => {
    setKnown(decided);
    page.loadPatient(page.patient.orthancPatientId, page.life.signal).then(() => page.repeat(), () => {});
  }} />`}
  </section>`;
}

/** @param {import('../../shared/api.js').Api} api @param {string} id @param {AbortSignal} signal */
async function read(api, id, signal) {
  const [transform, { places }] = await Promise.all([
    api.ask(`/transforms/${inPath(id)}`, { signal }), api.ask(`/transforms/${inPath(id)}/least-sure`, { signal }),
  ]);
  return { transform, places };
}

/** The studies that have images in the frames of a transform. @param {import('../point/page_model.js').PageModel} page @param {any} transform */
function studiesOf({ patient }, { sourceFrameOfReferenceUid, targetFrameOfReferenceUid }) {
  const inFrame = (/** @type {string} */ uid) => patient?.frames.find((/** @type {any} */ frame) => frame.frameOfReferenceUid === uid)?.studyInstanceUids[0];
  return { sourceStudyInstanceUid: inFrame(sourceFrameOfReferenceUid), targetStudyInstanceUid: inFrame(targetFrameOfReferenceUid) };
}
