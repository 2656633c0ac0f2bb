// @ts-check
/** The kept places in the panel, in time order, and a field to keep another one. */

import { html, useEffect, useState } from '../../web/shared/html.js';
import { useObservable } from '../../web/shared/observable.js';
import { counted, hasWord, word } from '../../web/shared/words.js';

/** @param {{session: import('./session.js').Session}} props */
export function PlacesList({ session }) {
  const places = useObservable(session.places);
  useEffect(() => {
    session.firstImage().then(() => places.load(), () => {});
  }, [session]);
  return html`<section class="places" aria-label=${word('ohif.places')}>
    <h3>${word('ohif.places')}</h3>
    <${Keep} session=${session} />
    <div role="status">${places.message && html`<p class="problem">${places.message}</p>`}</div>
    ${places.list?.length === 0 && html`<p class="quiet">${word('ohif.noPlaces')}</p>`}
    <ul class="kept">${places.list?.map((place) => html`<${Place} key=${place.id} place=${place} places=${places} />`)}</ul>
  </section>`;
}

/** @param {{session: import('./session.js').Session}} props */
function Keep({ session }) {
  const [name, setName] = useState('');
  const { places, question } = session;
  const canKeep = question.asked !== null && question.answer !== null && name.trim() !== '' && !places.isBusy;
  const keep = async (/** @type {Event} */ event) => {
    event.preventDefault();
    if (canKeep && await places.keep(name.trim())) {
      setName('');
    }
  };
  return html`<form class="keep" onSubmit=${keep}>
    <input type="text" aria-label=${word('ohif.placeName')} placeholder=${word('ohif.placeName')} maxlength="64" value=${name}
      onInput=${(/** @type {any} */ event) => setName(event.target.value)} />
    <button disabled=${!canKeep}>${word('ohif.keep')}</button>
  </form>`;
}

/** @param {{place: any, places: import('./places.js').Places}} props */
function Place({ place, places }) {
  return html`<li class="place" data-place=${place.id}>
    <button class="go" title=${word('ohif.openPlace', { name: place.name })} onClick=${() => places.open(place)} disabled=${places.isBusy}>
      <strong>${place.name}</strong> <span class="quiet">${place.createdBy}</span>
    </button>
    <ol>${place.reports.map((/** @type {any} */ report) => html`<li key=${report.id}>
      ${report.studyDate || word('tile.noDate')} <span class="quiet">${word(`ohif.said.${report.saidBy}`)}</span>
      ${report.stale && html`<span class="problem" title=${report.stale.detail}> ⚠ ${staleWord(report.stale.reason)}</span>`}
      ${report.reason && html`<span class="problem"> ${report.detail}</span>`}
    </li>`)}</ol>
    ${place.isOwn && html`<button onClick=${() => places.keepInAll(place)} disabled=${places.isBusy}>
      ${place.stale > 0 ? counted('ohif.renew', place.stale) : word('ohif.keepInAll')}</button>`}
  </li>`;
}

/** @param {string} reason */
function staleWord(reason) {
  return hasWord(`ohif.stale.${reason}`) ? word(`ohif.stale.${reason}`) : reason;
}
