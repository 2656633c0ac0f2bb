// @ts-check
/** Outlines and isodose lines over a picture. */

import { html } from '../../shared/html.js';
import { useObservable } from '../../shared/observable.js';
import { word } from '../../shared/words.js';
import { outlinesOf } from './outline_model.js';

/** @param {{tile: any}} props drawn again whenever the tile changes */
export function Outlines({ tile }) {
  const model = useObservable(outlinesOf(tile.page));
  const { onCanvas: { shown }, size } = tile; // of the plane that is seen, another study's where two lie over each other
  if (!model.isOn || !shown?.frame || shown.picture.plane === null || size.width === 0) {
    return null;
  }
  const lines = model.linesOf(shown.picture);
  if (lines === null) {
    return null;
  }
  const { exam } = tile.page;
  /** @type {{x: number, y: number}[]} */
  const taken = [];
  const isOfPage = (/** @type {any} */ one) => model.isOfPage(exam, one.sopInstanceUid);
  const structures = lines.structures.filter((/** @type {any} */ one) => isOfPage(one) && !model.hidden.has(`${one.sopInstanceUid} ${one.roiNumber}`));
  return html`<svg class="overlay rt-outlines" width=${size.width} height=${size.height} aria-hidden="true">
    ${structures.map((/** @type {any} */ one) => html`<path key=${`${one.sopInstanceUid} ${one.roiNumber}`} d=${pathOf(tile, one.lines)}
      class=${one.path?.length ? 'rt-carried' : ''} stroke=${one.colour ? `rgb(${one.colour.join(' ')})` : 'white'} />`)}
    ${model.hasDose && lines.doses.filter(isOfPage).map((/** @type {any} */ dose) => dose.levels.map((/** @type {any} */ level, /** @type {number} */ number) => html`<${Isodose}
      key=${`${dose.sopInstanceUid} ${level.gy}`} tile=${tile} level=${level} at=${labelPlace(tile, level, (number + 0.5) / dose.levels.length, taken)} />`))}
  </svg>`;
}

const TRIES = 6; // places along a line, from where its label is best
const LABEL = { width: 44, height: 14 }; // px, of the largest

/**
 * Where the label of a level is: at another part of the longest line for each level, and not on another label.
 *
 * @param {any} tile
 * @param {any} level
 * @param {number} share of the line at which to begin
 * @param {{x: number, y: number}[]} taken by other labels; this one is added
 * @returns {{x: number, y: number} | null} null: nowhere
 */
function labelPlace(tile, level, share, taken) {
  const longest = level.lines.reduce((/** @type {any[]} */ one, /** @type {any[]} */ other) => (other.length > one.length ? other : one), []);
  for (let turn = 0; turn < TRIES && longest.length > 0; turn += 1) {
    const [row, column] = longest[Math.floor(((share + turn / TRIES) % 1) * longest.length)];
    const at = tile.canvasAt(row, column);
    if (at !== null && taken.every(({ x, y }) => Math.abs(x - at.x) > LABEL.width || Math.abs(y - at.y) > LABEL.height)) {
      taken.push(at);
      return at;
    }
  }
  return null;
}

/** @param {{tile: any, level: any, at: {x: number, y: number} | null}} props */
function Isodose({ tile, level, at }) {
  const d = pathOf(tile, level.lines);
  return html`<g class="rt-isodose"><path class="under" d=${d} /><path d=${d} />${at && html`<text x=${at.x + 3} y=${at.y - 3}>${word('rt.gy', { gy: level.gy })}</text>`}</g>`;
}

/** @param {any} tile @param {number[][][]} lines chains of row and column */
function pathOf(tile, lines) {
  return lines.map((line) => line.map(([row, column], number) => {
    const at = tile.canvasAt(row, column);
    return at === null ? '' : `${number ? 'L' : 'M'}${at.x.toFixed(1)} ${at.y.toFixed(1)}`;
  }).join('')).join('');
}
