// @ts-check
/** What is seen of a pair beside its picture: the edge to move, the scale, and how well the two are aligned. */

import { html, useEffect } from '../../shared/html.js';
import { word } from '../../shared/words.js';
import { COLOURS, tableOf } from './fusion.js';
import { scaleOf } from './pair.js';

/** @typedef {{tile: import('../point/tile_model.js').TileModel}} Props */

/** Over the picture. @param {Props} props */
export function PairTools({ tile }) {
  const { pairing } = tile.page.compare;
  const isShown = pairing.mode !== null && pairing.second === tile;
  useEffect(() => {
    if (!isShown) {
      return undefined;
    }
    const release = (/** @type {KeyboardEvent} */ event) => pairing.release(event.key);
    addEventListener('keyup', release);
    return () => removeEventListener('keyup', release);
  }, [isShown]);
  if (!isShown) {
    return null;
  }
  const { mode, problem, isOther, first, second, split } = pairing;
  if (problem !== null) {
    return html`<p class="in-picture message-in" role="status">${word(problem.key, problem.values)}</p>`;
  }
  if (mode === 'blink') {
    return html`<span class="pair-seen">${dateOf(isOther ? second : first)}</span>`;
  }
  if (mode === 'swipe') {
    const place = { left: `${100 * split}%` };
    return html`<span class="pair-seen">${dateOf(first)}</span><span class="pair-seen pair-right">${dateOf(second)}</span>
      <span class="pair-line" style=${place}></span>
      <input type="range" class="pair-edge" min="0" max="1" step="0.005" value=${split} aria-label=${word('pair.edge')}
      onPointerDown=${(/** @type {Event} */ event) => event.stopPropagation()}
      onInput=${(/** @type {any} */ event) => pairing.move(Number(event.target.value))} />`;
  }
  if (mode === 'fusion') {
    return html`<span class="pair-seen">${word('pair.fused', { first: dateOf(first), second: dateOf(second) })}</span>
      <input type="range" class="pair-edge" min="0" max="1" step="0.05" value=${pairing.share}
      aria-label=${word('pair.share', { study: dateOf(first) })} aria-valuetext=${word('pair.percent', { percent: Math.round(100 * pairing.share) })}
      onPointerDown=${(/** @type {Event} */ event) => event.stopPropagation()}
      onInput=${(/** @type {any} */ event) => pairing.fuse({ share: Number(event.target.value) })} />`;
  }
  return null;
}

/** Below it. @param {Props} props */
export function PairSaid({ tile }) {
  const { pairing } = tile.page.compare;
  if (pairing.mode === null || pairing.second !== tile || pairing.first === null) {
    return null;
  }
  const { mode, first, second, problem } = pairing;
  const names = { first: dateOf(first), second: dateOf(second), mode: word(`pair.${mode}`) };
  return html`<p class="line pair-said">
      <span>${word(mode === 'difference' ? 'pair.minus' : 'pair.with', names)}</span>
      ${mode === 'difference' && problem === null && html`<${Scale} tile=${tile} />`}
      ${mode === 'fusion' && html`<${ColourScale} tile=${first} colours=${pairing.colours} />`}
      <span class="pair-alignment">${alignmentWords(pairing)}</span>
      ${mode === 'blink' && pairing.isStill && html`<button onClick=${() => pairing.swap()}>${word('pair.swap')}</button><span class="quiet">${word('pair.still')}</span>`}
    </p>`;
}

/** @param {Props} props */
function Scale({ tile }) {
  const most = scaleOf(/** @type {any} */ (tile.currentRange()));
  const unit = tile.shown?.picture.unit ?? null;
  const text = most >= 10 ? String(Math.round(most)) : String(Number(most.toPrecision(2)));
  return html`<span class="pair-scale"><span class="pair-colours" aria-hidden="true"></span>
    <span>${word('pair.scale', { most: text, unit: unit ?? word('pair.noUnit') })}</span></span>
    ${unit === null && html`<span class="warning">${word('pair.noUnitWarning')}</span>`}`;
}

/** What the colours mean: the window of the study that has them. @param {{tile: import('../point/tile_model.js').TileModel, colours: string}} props */
function ColourScale({ tile, colours }) {
  const { pairing } = tile.page.compare;
  const { center, width } = tile.currentRange();
  const [low, high] = [center - width / 2, center + width / 2].map((value) => String(Math.abs(value) >= 10 ? Math.round(value) : Number(value.toPrecision(2))).replace('-', '−'));
  return html`<span class="pair-scale">${low} <svg class="fusion-colours" viewBox="0 0 16 1" preserveAspectRatio="none" aria-hidden="true">${barOf(colours)}</svg>
      ${high} ${tile.shown?.picture.unit ?? ''}</span>
    <span>${word('pair.percent', { percent: Math.round(100 * pairing.share) })}</span>
    <select class="pair-choice" aria-label=${word('pair.colours')} value=${colours} onChange=${(/** @type {any} */ event) => pairing.fuse({ colours: event.target.value })}>
      ${COLOURS.map((name) => html`<option value=${name} key=${name}>${word(`pair.colours.${name}`)}</option>`)}
    </select>`;
}

const PARTS = 16;

/** @param {string} colours */
function barOf(colours) {
  const table = tableOf(colours);
  return Array.from({ length: PARTS }, (_, part) => {
    const level = 3 * Math.round((255 * part) / (PARTS - 1));
    return html`<rect key=${part} x=${part} width="1.05" height="1" fill=${`rgb(${table[level]} ${table[level + 1]} ${table[level + 2]})`} />`;
  });
}

/** @param {import('./pairing.js').Pairing} pairing */
function alignmentWords({ first, known }) {
  if (!first?.match) {
    return word('pair.noPlace');
  }
  if (known === null || known.match !== first.match) {
    return '';
  }
  const { uncertaintyMm, uncertaintySource, grade, point } = known.place;
  const words = point === null ? word('link.outsideTransform')
    : uncertaintyMm === null ? word(uncertaintySource === 'sharedFrame' ? 'grade.sharedFrame' : 'grade.notMeasured')
      : word(`grade.${grade}`, { mm: uncertaintyMm.toFixed(1) });
  return word('pair.alignment', { words });
}

/** @param {import('../point/tile_model.js').TileModel | null} tile */
function dateOf(tile) {
  return tile?.study.studyDate || word('tile.noDate');
}
