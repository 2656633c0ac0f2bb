// @ts-check
/** What is drawn over a picture: the crosshair, how far off the place may be, and what is at the edges. */

import { edgesOf } from '../../shared/geometry.js';
import { html } from '../../shared/html.js';
import { word } from '../../shared/words.js';
import { gradeOf } from './grade.js';

const GAP = 7; // px: what is at the place itself stays free
const ARM = 26;
const UNKNOWN_RING = 18; // px: no size in mm
const ON_SLICE_MM = 0.05;

/** @param {{tile: import('./tile_model.js').TileModel}} props */
export function Overlay({ tile }) {
  const { shown, size } = tile;
  if (shown === null || shown.frame === null || size.width === 0) {
    return null;
  }
  return html`<svg class="overlay" width=${size.width} height=${size.height} aria-hidden="true">
    ${tile.isCurrent && !tile.isWithdrawn && html`<${Place} tile=${tile} match=${shown.match} />`}
  </svg>
  ${shown.picture.plane !== null && html`<${Edges} orientation=${(tile.onCanvas.shown ?? shown).picture.plane?.orientation} tile=${tile} />`}
  ${shown.picture.plane !== null && html`<${Scale} tile=${tile} />`}`;
}

/** @param {{tile: import('./tile_model.js').TileModel, match: any}} props */
function Place({ tile, match }) {
  const crosshair = tile.crosshair();
  const pixel = tile.draft ?? crosshair;
  const at = pixel && tile.canvasAt(pixel.row, pixel.column);
  if (!at || !crosshair) {
    return null;
  }
  const isOff = tile.draft === null && Math.abs(crosshair.distanceMm) >= ON_SLICE_MM;
  const lines = [[-1, 0], [1, 0], [0, -1], [0, 1]].map(([x, y]) => (
    `M${at.x + x * GAP} ${at.y + y * GAP}L${at.x + x * ARM} ${at.y + y * ARM}`)).join('');
  const grade = gradeOf(tile) ?? 'unknown';
  const style = `place grade-${grade} ${isOff ? 'off-slice' : ''}`;
  return html`<g class=${style} data-x=${at.x} data-y=${at.y}>
    ${tile.draft === null && html`<${Before} tile=${tile} at=${at} />`}
    <path class="under" d=${lines} /><path class="crosshair" d=${lines} />
    ${tile.draft === null && !match.isSource && html`<${Ring} at=${at} match=${match} mmPerPixel=${tile.mmPerPixel} />`}
  </g>`;
}

/**
 * How far off the place may be: a circle in mm, or a dashed ring without a size.
 *
 * @param {{at: {x: number, y: number}, match: any, mmPerPixel: number}} props
 */
function Ring({ at, match, mmPerPixel }) {
  const isKnown = match.uncertaintyMm !== null;
  const radius = isKnown ? match.uncertaintyMm / mmPerPixel : UNKNOWN_RING;
  const style = isKnown ? 'ring' : 'ring unknown';
  return html`<circle class=${isKnown ? 'under' : 'under unknown'} cx=${at.x} cy=${at.y} r=${radius} />
    <circle class=${style} cx=${at.x} cy=${at.y} r=${radius} />`;
}

/**
 * Where the place was before it was refined, with a line to where it is now.
 *
 * @param {{tile: any, at: {x: number, y: number}}} props
 */
function Before({ tile, at }) {
  const { refinement } = tile;
  if (tile.onCanvas !== tile) {
    return null; // it was in another plane
  }
  const { picture } = tile.shown;
  if (refinement?.state !== 'done' || !refinement.result.isRefined || !(refinement.result.movedMm > 0)) {
    return null;
  }
  const { before } = refinement;
  const old = tile.projected(before, picture);
  const was = old && tile.canvasAt(old.row, old.column);
  return was && html`<g class="before"><path d=${`M${was.x - 5} ${was.y - 5}l10 10m0 -10l-10 10M${was.x} ${was.y}L${at.x} ${at.y}`} /></g>`;
}

/** @param {{orientation: readonly number[], tile: any}} props */
function Edges({ orientation, tile }) {
  const edges = edgesOf(orientation, tile);
  return Object.entries(edges).map(([side, letters]) => html`<span class="edge edge-${side}" key=${side}>${letters}</span>`);
}

/** A rule of a round length. @param {{tile: any}} props */
function Scale({ tile }) {
  const { mmPerPixel } = tile;
  const mm = [200, 100, 50, 20, 10, 5, 2, 1].find((length) => length / mmPerPixel < tile.size.width / 3) ?? 1;
  return html`<span class="scale" style=${{ width: `${mm / mmPerPixel}px` }} data-mm=${mm}>${word('tile.scale', { mm })}</span>`;
}
