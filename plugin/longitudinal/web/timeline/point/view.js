// @ts-check
/** One place of the body in every study of a patient. */

import { html, useEffect, useLayoutEffect, useRef, useState } from '../../shared/html.js';
import { useObservableByFrame } from '../../shared/observable.js';
import { word } from '../../shared/words.js';
import { writeAddress } from '../address.js';
import { Bar } from '../bar.js';
import { Film } from '../compare/film.js';
import { ExamFilter } from '../exams/exam_filter.js';
import { readableName } from '../find/person_name.js';
import { actionOf, areLettersOn } from '../keyboard.js';
import { Lazy } from '../panel/lazy.js';
import { ShownHeader } from '../panel/shown_header.js';
import { PlacesButton } from '../places/panel.js';
import { PlaceOpener } from '../places/opener.js';
import { RadiotherapyAtPlace } from '../radiotherapy/at_place.js';
import { ShareButton } from '../share/button.js';
import { openedShare } from '../share/session.js';
import { act } from './keys.js';
import { PageModel } from './page_model.js';
import { Strip } from './strip.js';
import { Tile } from './tile.js';
import { Toolbar } from './toolbar.js';

const NARROW = '(max-width: 1200px)';
const NARROW_TILES = 4;
const WIDE_TILES = 6;

const LOAD = {
  values: () => import('../values/panel.js').then(({ ValuesPanel }) => ValuesPanel),
  lesions: () => import('../lesions/panel.js').then(({ LesionsPanel }) => LesionsPanel),
  review: () => import('../review/review_bar.js').then(({ ReviewBar }) => ReviewBar),
};

/** @param {import('../app.js').ViewProps} props */
export function View({ address, go, api }) {
  const own = useRef(''); // the address that this page has written itself
  const shown = useRef(address);
  shown.current = address;
  const reviewed = useRef(address.review ? { review: address.review } : {});
  const [opener] = useState(() => new PlaceOpener(api));
  const [page] = useState(() => new PageModel(api, (point) => {
    const { patient, study } = shown.current;
    const next = {
      ...(point ? opener.addressOf(point) : { patient, study }), layout: page.compare.kept.text(), ...reviewed.current,
      exam: page.exam,
    };
    own.current = writeAddress(next);
    go(next, { replace: true });
  }));
  useObservableByFrame(page);
  const [areValuesOpen, openValues] = useState(false);
  const [review, setReview] = useState(address.review);
  const [areLesionsOpen, openLesions] = useState(false);

  useEffect(() => {
    if (writeAddress(address) !== own.current) {
      own.current = writeAddress(address);
      opener.open(page, address);
    }
  }, [address]);
  useEffect(() => () => page.leave(), [page]);
  useEffect(() => listenToKeys(page), [page]);
  useEffect(() => followWidth(page), [page]);
  useLayoutEffect(() => {
    document.title = page.patient === null ? word('app.title') : word('page.title', { name: nameOf(page.patient) });
  }, [page.patient]);

  const { patient, message, announcement } = page;
  const share = openedShare();
  const showLesions = async (/** @type {boolean} */ isOpen) => {
    const [{ LesionsModel }, { Diameters }] = await Promise.all([import('../lesions/model.js'), import('../lesions/draw.js')]);
    page.lesions ??= new LesionsModel(page);
    page.diameters = Diameters;
    openLesions(isOpen);
  };
  page.openLesions = () => showLesions(true).then(() => page.lesions?.draw(true));
  page.openReviews = () => go({ view: 'review', patient: patient?.orthancPatientId, exam: page.exam });
  return html`<${Bar} address=${address} go=${go} patient=${patient?.orthancPatientId}>
      ${patient !== null && html`<h1 class="patient">${nameOf(patient)} <span class="quiet">${(share === null || patient.patientName !== '') && patient.patientId}</span></h1>`}
      ${patient?.identityConflict && html`<p class="warning">${word('page.identityConflict')}</p>`}
      <${ExamFilter} exam=${page.exam} onAll=${() => go({ ...address, patient: patient?.orthancPatientId, exam: undefined })} />
      <${Paging} page=${page} />
      ${patient !== null && share === null && html`<a class="button" href=${writeAddress({ view: 'review', patient: patient.orthancPatientId, exam: page.exam })}>${word('review.button')}</a>
        <${ShareButton} api=${api} patient=${patient} />`}
      ${page.tiles.length > 0 && html`${share === null && html`<button aria-expanded=${areValuesOpen} onClick=${() => openValues(!areValuesOpen)}>${word('values.button')}</button>
          <button aria-expanded=${areLesionsOpen} onClick=${() => showLesions(!areLesionsOpen)}>${word('lesions.button')}</button>`}
        ${!share?.deIdentified && html`<${ShownHeader} page=${page} />
        <${RadiotherapyAtPlace} page=${page} />`}
        ${share === null && html`<${PlacesButton} page=${page} place=${address.place} go=${go} />`}`}
    </${Bar}>
    <main class="point">
      ${patient === null && html`<h1 class="visually-hidden">${word('app.title')}</h1>`}
      ${page.tiles.length > 0 && html`<${Strip} page=${page} />`}
      <${Film} page=${page} />
      ${page.tiles.length > 0 && html`<${Toolbar} page=${page} />`}
      ${review && patient !== null && html`<${Lazy} load=${LOAD.review} with=${{ page, transform: review, onClose: () => { reviewed.current = {}; setReview(undefined); } }} />`}
      ${message !== null && html`<p class="message warning" role="alert">${word(message.key, message.values)}</p>`}
      ${patient === null && message === null && html`<p class="message" role="status">${word('app.loading')}</p>`}
      <div class="work">
        <${Grid} page=${page} />
        ${areValuesOpen && html`<${Lazy} load=${LOAD.values} with=${{ page, onClose: () => openValues(false) }} />`}
      </div>
      ${areLesionsOpen && page.lesions !== null && html`<${Lazy} load=${LOAD.lesions} with=${{ page, model: page.lesions, onClose: () => openLesions(false) }} />`}
      <p class="visually-hidden" role="status">${announcement !== null && word(announcement.key, announcement.values)}</p>
    </main>`;
}

/** @param {{page: PageModel}} props */
function Grid({ page }) {
  const grid = useRef(/** @type {HTMLElement | null} */ (null));
  page.focusOn = (/** @type {import('./tile_model.js').TileModel} */ tile) => {
    const places = [...grid.current?.querySelectorAll('.tile') ?? []];
    const found = places.find((element) => /** @type {HTMLElement} */ (element).dataset.study === tile.uid);
    /** @type {HTMLElement | null | undefined} */ (found?.querySelector('.picture'))?.focus();
  };
  const visible = page.visible();
  return html`<div class="grid tiles-${visible.length}" ref=${grid}>
    ${visible.map((/** @type {any} */ tile) => html`<${Tile} key=${tile.uid} tile=${tile} />`)}
  </div>`;
}

/** @param {{page: PageModel}} props */
function Paging({ page }) {
  const { pages, pageIndex } = page;
  if (pages < 2) {
    return null;
  }
  return html`<div class="group paging" role="group" aria-label=${word('paging.name')}>
    <button disabled=${pageIndex === 0} onClick=${() => page.turnTo(pageIndex - 1)}>${word('paging.earlier')}</button>
    <span>${word('paging.page', { page: pageIndex + 1, pages })}</span>
    <button disabled=${pageIndex === pages - 1} onClick=${() => page.turnTo(pageIndex + 1)}>${word('paging.later')}</button>
  </div>`;
}

/** @param {any} patient */
function nameOf({ patientName, patientId }) {
  return readableName(patientName) || patientId;
}

/** @param {PageModel} page @returns {() => void} */
function listenToKeys(page) {
  /** @param {KeyboardEvent} event */
  function press(event) {
    const action = actionOf(event, { letters: areLettersOn() });
    if (action !== null && act(page, action)) {
      event.preventDefault();
    }
  }
  addEventListener('keydown', press);
  return () => removeEventListener('keydown', press);
}

/** @param {PageModel} page @returns {() => void} */
function followWidth(page) {
  const query = matchMedia(NARROW);
  const set = () => page.setPageSize(query.matches ? NARROW_TILES : WIDE_TILES);
  query.addEventListener('change', set);
  set();
  return () => query.removeEventListener('change', set);
}
