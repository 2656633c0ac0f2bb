// @ts-check
/** The places of a patient in time order, with what is stale. */

import { html, useEffect, useState } from '../../shared/html.js';
import { counted, word } from '../../shared/words.js';
import { writeAddress } from '../address.js';
import { hiddenPlaces, hidePlace } from './hidden.js';
import { listPlaces } from './requests.js';

/**
 * @param {import('../../shared/api.js').Api} api
 * @param {string} patientId Orthanc id
 * @param {number} version grows when places have changed
 * @returns {[any, unknown]} the answer, null before it; and why there is none
 */
export function usePlaces(api, patientId, version) {
  const [known, setKnown] = useState(/** @type {any} */ (null));
  const [problem, setProblem] = useState(/** @type {unknown} */ (null));
  useEffect(() => {
    const controller = new AbortController();
    listPlaces(api, patientId, controller.signal).then(
      (answer) => {
        setKnown({ ...answer, of: patientId });
        setProblem(null);
      },
      (error) => controller.signal.aborted || setProblem(error),
    );
    return () => controller.abort();
  }, [api, patientId, version]);
  return [known?.of === patientId ? known : null, problem];
}

/**
 * @param {object} props
 * @param {any} props.known of `usePlaces`
 * @param {string | undefined} props.current id of the place that is open
 * @param {string} [props.exam] that limits the page it opens on
 * @param {(id: string) => void} props.onOpen
 * @param {any} [props.children] shown below the place that is open
 */
export function PlaceList({ known, current, exam, onOpen, children }) {
  const [hidden, setHidden] = useState(hiddenPlaces);
  const [showsHidden, setShowsHidden] = useState(false);
  const shown = known.places.filter((/** @type {any} */ place) => showsHidden || place.id === current || !hidden.has(place.id));
  const count = known.places.filter((/** @type {any} */ place) => hidden.has(place.id)).length;
  return html`<div class="places">
    ${known.places.length === 0 && html`<p class="quiet">${word('places.none')}</p>`}
    <ol class="place-list" aria-label=${word('places.title')}>
      ${shown.map((/** @type {any} */ place) => html`<li key=${place.id} class=${place.id === current ? 'current' : ''} data-place=${place.id}>
        <${PlaceHead} place=${place} exam=${exam} isCurrent=${place.id === current} isHidden=${hidden.has(place.id)} onOpen=${onOpen}
          onHide=${(/** @type {boolean} */ isHidden) => setHidden(hidePlace(place.id, isHidden))} />
        ${place.id === current && children}
      </li>`)}
    </ol>
    ${known.total > known.places.length && html`<p class="quiet">${word('places.more', { shown: known.places.length, total: known.total })}</p>`}
    ${count > 0 && html`<label class="group"><input type="checkbox" checked=${showsHidden}
      onChange=${() => setShowsHidden(!showsHidden)} />${counted('places.showHidden', count)}</label>`}
    ${known.unreadTotal > 0 && html`<${Unread} known=${known} />`}
  </div>`;
}

/**
 * @param {object} props
 * @param {any} props.place
 * @param {string} [props.exam]
 * @param {boolean} props.isCurrent
 * @param {boolean} props.isHidden
 * @param {(id: string) => void} props.onOpen
 * @param {(isHidden: boolean) => void} props.onHide
 */
function PlaceHead({ place, exam, isCurrent, isHidden, onOpen, onHide }) {
  const name = place.name || word('places.noName');
  /** @param {MouseEvent} event */
  function open(event) {
    if (!(event.ctrlKey || event.metaKey || event.shiftKey)) {
      event.preventDefault();
      onOpen(place.id);
    }
  }
  const source = place.reports.find((/** @type {any} */ report) => report.id === place.source) ?? place.reports[0];
  return html`<div class="place-head">
      <a class="place-name" href=${writeAddress({ view: 'point', place: place.id, exam })} onClick=${open} aria-current=${isCurrent ? 'true' : undefined}>${name}</a>
      <span>${source.studyDate || word('study.noDate')}</span>
      <button type="button" onClick=${() => onHide(!isHidden)} aria-label=${word(isHidden ? 'places.showThis' : 'places.hideThis', { name })}>${word(isHidden ? 'places.show' : 'places.hide')}</button>
    </div>
    <p class="quiet">${word(place.isOwn ? 'places.by' : 'places.byOther', { who: place.createdBy, software: source.manufacturer, date: (place.createdAt ?? '').slice(0, 10) })} · ${counted('places.studies', new Set(place.reports.map((/** @type {any} */ report) => report.studyInstanceUid)).size)}</p>
    ${place.stale > 0 && html`<p class="warning"><span aria-hidden="true">⚠ </span>${counted('places.stale', place.stale)}</p>`}
    ${place.source === null && html`<p class="warning">${word('places.noPosition', { detail: place.detail })}</p>`}
    ${place.flags.includes('sharedTrackingUid') && html`<p class="warning">${word('places.shared')}</p>`}`;
}

/** @param {{known: any}} props */
function Unread({ known }) {
  return html`<details class="unread"><summary>${counted('places.unread', known.unreadTotal)}</summary>
    <ul>${known.unread.slice(0, 50).map((/** @type {any} */ one) => html`<li key=${`${one.sopInstanceUid}.${one.group}`}>
      ${one.name || word('places.noName')}${one.createdBy ? ` (${one.createdBy})` : ''}: ${word(`places.fault.${one.reason}`)} <span class="quiet">${one.detail}</span></li>`)}</ul>
  </details>`;
}
