// @ts-check
/** How well a place is known: in a word and a shape, never by colour alone. */

import { html } from '../../shared/html.js';
import { word } from '../../shared/words.js';

const SHAPES = {
  asked: html`<path d="M8 2v12M2 8h12" class="stroke" />`,
  green: html`<circle cx="8" cy="8" r="6" />`,
  amber: html`<path d="M8 1.5 15 14.5H1z" />`,
  red: html`<path d="M5 1h6l4 4v6l-4 4H5l-4-4V5z" />`,
  unknown: html`<circle cx="8" cy="8" r="6" class="dashed" />`,
  none: html`<path d="M3 3l10 10M13 3 3 13" class="stroke" />`,
};

/** @typedef {keyof typeof SHAPES} Grade `asked`: the place was clicked here; `none`: it is not known here */

/** @param {import('./tile_model.js').TileModel} tile @returns {Grade | null} null before anything was asked */
export function gradeOf({ match, unresolved, isWithdrawn }) {
  if (unresolved !== null || isWithdrawn) {
    return 'none';
  }
  if (match === null) {
    return null;
  }
  return match.isSource ? 'asked' : match.grade;
}

/** @param {{grade: Grade}} props */
export function GradeShape({ grade }) {
  return html`<svg class="shape grade-${grade}" viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">${SHAPES[grade]}</svg>`;
}

/** What is known of the error, in words. @param {any} match @returns {string} */
export function errorWords(match) {
  if (match.isSource) {
    return word('grade.asked');
  }
  if (match.uncertaintyMm === null) {
    return word(match.uncertaintySource === 'sharedFrame' ? 'grade.sharedFrame' : 'grade.notMeasured');
  }
  return word(`grade.${match.grade}`, { mm: match.uncertaintyMm.toFixed(1) });
}
