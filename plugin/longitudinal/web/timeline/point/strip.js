// @ts-check
/** The studies on a line, as far from each other as they were in time; a shape says how well each knows the place. */

import { html } from '../../shared/html.js';
import { dayOf as dayOfDate } from '../../shared/dates.js';
import { useObservable } from '../../shared/observable.js';
import { word } from '../../shared/words.js';
import { TreatmentMarks } from '../radiotherapy/treatment_marks.js';
import { treatmentsOf } from '../radiotherapy/treatment_model.js';
import { dayOf } from './dates.js';
import { GradeShape, gradeOf } from './grade.js';
import { titleOf } from './tile.js';

const EDGE = 3; // per cent left free at both ends
const BESIDE = 12; // per cent: nearer to an end there is no room on both sides

/** @param {{page: import('./page_model.js').PageModel}} props */
export function Strip({ page }) {
  const entries = useObservable(treatmentsOf(page)).shown();
  if (page.tiles.length < 2 && entries.length === 0) {
    return null;
  }
  const days = page.tiles.map((tile) => dayOf(tile.study));
  const treated = entries.map(({ date }) => dayOfDate(date));
  const known = /** @type {number[]} */ ([...days, ...treated].filter((day) => day !== null));
  const [from, to] = [Math.min(...known), Math.max(...known)];
  const isOpen = [...days, ...treated].includes(null);
  const places = placesOf(days, from, to, isOpen);
  return html`<nav class="strip" aria-label=${word('strip.name')}>
    <div class=${`strip-line ${entries.length > 0 ? 'with-treatments' : ''}`}>
      ${yearsBetween(from, to, isOpen).map(({ year, place }) => html`<span class="year" style=${{ left: `${place}%` }} key=${year}>${year}</span>`)}
      ${page.tiles.map((tile, at) => html`<${Mark} key=${tile.uid} tile=${tile} place=${places[at]} />`)}
      ${entries.length > 0 && html`<${TreatmentMarks} entries=${entries} places=${placesOf(treated, from, to, isOpen)} />`}
    </div>
  </nav>`;
}

/** @param {{tile: import('./tile_model.js').TileModel, place: number}} props */
function Mark({ tile, place }) {
  const grade = gradeOf(tile);
  const name = titleOf(tile);
  return html`<button class="mark ${tile.isAsked ? 'asked' : ''}" style=${{ left: `${place}%` }} aria-label=${name}
    aria-current=${tile.isAsked ? 'true' : undefined} onClick=${() => tile.page.goToTile(tile)}>
    ${grade === null ? html`<span class="dot"></span>` : html`<${GradeShape} grade=${grade} />`}
    <span class=${`mark-says ${sideOf(place)}`} aria-hidden="true">${name}</span>
  </button>`;
}

/** Where what is said of a mark has room. @param {number} place per cent @returns {string} */
export function sideOf(place) {
  return place < BESIDE ? 'to-right' : place > 100 - BESIDE ? 'to-left' : '';
}

/**
 * Per cent of the line; studies without a date stand at its end.
 *
 * @param {(number | null)[]} days
 * @param {number} from
 * @param {number} to
 * @param {boolean} [isOpen] whether anything on the line has no date
 * @returns {number[]}
 */
export function placesOf(days, from, to, isOpen = false) {
  const last = 100 - EDGE - (isOpen || days.includes(null) ? 8 : 0);
  const undated = days.filter((day) => day === null).length;
  let without = 0;
  return days.map((day) => {
    if (day === null) {
      without += 1;
      return last + 8 * (without / undated);
    }
    return to > from ? EDGE + ((last - EDGE) * (day - from)) / (to - from) : (EDGE + last) / 2;
  });
}

/** @param {number} from @param {number} to days @param {boolean} isOpen @returns {{year: number, place: number}[]} */
function yearsBetween(from, to, isOpen) {
  if (!(to > from)) {
    return [];
  }
  const years = [];
  const step = Math.max(1, Math.ceil((to - from) / 365 / 12));
  for (let year = new Date(from * 86_400_000).getUTCFullYear() + 1; ; year += step) {
    const day = Date.UTC(year, 0, 1) / 86_400_000;
    if (day > to) {
      return years;
    }
    years.push({ year, place: placesOf([day], from, to, isOpen)[0] });
  }
}
