// @ts-check
/** What waits for a person: of one patient, or of all. */

import { html, useEffect, useState } from '../../shared/html.js';
import { useObservable } from '../../shared/observable.js';
import { counted, word } from '../../shared/words.js';
import { writeAddress } from '../address.js';
import { Bar } from '../bar.js';
import { Decision } from './decision.js';
import { ReviewsModel } from './model.js';

/** @param {import('../app.js').ViewProps} props */
export function View({ address, go, api }) {
  const [model] = useState(() => new ReviewsModel(api, address.patient));
  useObservable(model);
  useEffect(() => {
    model.load();
    return () => model.leave();
  }, [model]);
  const { total, waiting, message } = model;
  return html`<${Bar} address=${address} go=${go} patient=${address.patient}>
      <h1 class="patient">${word('review.title')}</h1>
      ${address.patient && html`<a class="button" href=${writeAddress({ view: 'review' })}>${word('review.all')}</a>
        <a class="button" href=${writeAddress({ view: 'point', patient: address.patient, exam: address.exam })}>${word('align.back')}</a>`}
    </${Bar}>
    <main class="reviews">
      ${message !== null && html`<p class="warning message" role="alert">${word(message.key, message.values)}</p>`}
      <p role="status">${total === null ? word('app.loading') : total === 0 ? word('review.nothing') : counted('review.waiting', total)}</p>
      <ol>${waiting.map((one) => html`<${Waiting} key=${one.id} model=${model} one=${one} />`)}</ol>
      ${total !== null && waiting.length < total && html`<button onClick=${() => model.more()}>${word('review.more')}</button>`}
    </main>`;
}

/** @param {{model: ReviewsModel, one: any}} props */
function Waiting({ model, one }) {
  useEffect(() => {
    model.findPlaces(one.id);
  }, [one.id]);
  const places = model.places.get(one.id);
  return html`<li class="waiting" data-transform=${one.id}>
    <h2>${one.patientId || word('patient.noId')}: ${one.sourceStudyDate || word('tile.noDate')} → ${one.targetStudyDate || word('tile.noDate')}
      ${' '}<span class="quiet">${[one.method, one.createdBy].filter(Boolean).join(' · ')}</span></h2>
    <p>${word(`review.because.${one.waitsBecause}`)} ${one.expectedErrorMm === null ? word('review.errorUnknown') : word('review.error', { mm: one.expectedErrorMm.toFixed(1) })}</p>
    <div class="group tools" role="group" aria-label=${word('review.look')}>
      ${places === undefined ? html`<span class="quiet">${word('app.loading')}</span>` : places.length === 0
    ? html`<a class="button" href=${addressOf(one)}>${word('review.open')}</a><span class="quiet">${word('review.noPlaces')}</span>`
    : places.map((/** @type {any} */ place, /** @type {number} */ at) => html`<a class="button" key=${at} href=${addressOf(one, place)}>${word('review.place', { number: at + 1, mm: place.expectedErrorMm.toFixed(1) })}</a>`)}
    </div>
    <${Decision} api=${model.api} transform=${one} onDecided=${(/** @type {any} */ decided) => model.decided(decided)} />
  </li>`;
}

/** The point view at a place, with the review beside it. @param {any} one @param {any} [place] */
function addressOf(one, place) {
  const point = place && { patientId: one.orthancPatientId, frameOfReferenceUid: one.sourceFrameOfReferenceUid, x: place.source[0], y: place.source[1], z: place.source[2] };
  return writeAddress({ view: 'point', review: one.id, ...(point ? { point } : { patient: one.orthancPatientId }) });
}
