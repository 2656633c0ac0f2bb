// @ts-check
/** A strip of small pictures, one a study: the slice of the place, and round it how well that is known. */

import { html, useEffect, useRef, useState } from '../../shared/html.js';
import { fittingScale, imageFromCanvas } from '../../shared/geometry.js';
import { useObservable } from '../../shared/observable.js';
import { word } from '../../shared/words.js';
import { Thumbnail } from '../find/thumbnail.js';
import { frameOf } from '../point/frames.js';
import { gradeOf, GradeShape } from '../point/grade.js';
import { titleOf } from '../point/tile.js';
import { rangeOf } from '../point/windows.js';
import { AHEAD } from '../render/loader.js';
import { FILTERS } from './filters.js';

const SIZE = 96;
const REST_MS = 350; // after an answer: what is dragged through is not drawn

/** @param {{page: import('../point/page_model.js').PageModel}} props */
export function Film({ page }) {
  const { compare, tiles } = page;
  if (tiles.length <= page.pageSize) {
    return null;
  }
  const listed = page.listed();
  return html`<section class="film" aria-label=${word('film.name')}>
    <div class="film-filters" role="group" aria-label=${word('film.filters')}>
      ${FILTERS.map((filter) => html`<button key=${filter} aria-pressed=${compare.filters.has(filter)} title=${word(`film.${filter}.title`)}
        onClick=${() => compare.filter(filter)}>${word(`film.${filter}`)}</button>`)}
      <span class="quiet" role="status">${word('film.count', { shown: listed.length, all: tiles.length })}</span>
    </div>
    <div class="film-row" tabindex="0" role="group" aria-label=${word('film.row')}>
      ${listed.map((tile) => html`<${Shot} key=${tile.uid} tile=${tile} />`)}
    </div>
  </section>`;
}

/** @param {{tile: import('../point/tile_model.js').TileModel}} props */
function Shot({ tile }) {
  useObservable(tile);
  const grade = gradeOf(tile);
  const title = titleOf(tile);
  const said = grade === 'none' ? word('film.cannot') : '';
  const date = tile.study.studyDate || word('tile.noDate');
  return html`<button class="shot grade-${grade ?? 'unasked'} ${tile.isVisible ? 'seen' : ''}" title=${title} aria-label=${said ? `${title}: ${said}` : title}
      aria-current=${tile.isAsked ? 'true' : undefined} data-study=${tile.uid} onClick=${() => tile.page.goToTile(tile)}>
    ${tile.match === null && tile.unresolved === null ? html`<${Thumbnail} api=${tile.page.api} study=${tile.study} />`
    : html`<${Place} tile=${tile} />`}
    ${grade === 'none' && html`<span class="shot-cannot" aria-hidden="true">!</span>`}
    <span class="shot-date">${grade !== null && html`<${GradeShape} grade=${grade} />`} ${date}</span>
  </button>`;
}

/** @param {{tile: import('../point/tile_model.js').TileModel}} props */
function Place({ tile }) {
  const canvas = useRef(/** @type {HTMLCanvasElement | null} */ (null));
  const [isSeen, setSeen] = useState(false);
  const { match } = tile;
  useEffect(() => {
    const shown = /** @type {HTMLCanvasElement} */ (canvas.current);
    const watcher = new IntersectionObserver((entries) => setSeen(entries.some((entry) => entry.isIntersecting)), { rootMargin: '0px 100px' });
    watcher.observe(shown);
    return () => watcher.disconnect();
  }, [tile]);
  useEffect(() => {
    const controller = new AbortController();
    const timer = setTimeout(() => {
      if (isSeen && match !== null) {
        draw(tile, match, /** @type {HTMLCanvasElement} */ (canvas.current), controller.signal).catch(() => {}); // the tile itself says why
      }
    }, REST_MS);
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [tile, match, isSeen]);
  return html`<canvas class="shot-picture" ref=${canvas} width=${SIZE} height=${SIZE} aria-hidden="true"></canvas>`;
}

/**
 * @param {import('../point/tile_model.js').TileModel} tile
 * @param {any} match
 * @param {HTMLCanvasElement} canvas
 * @param {AbortSignal} signal
 */
async function draw(tile, match, canvas, signal) {
  const { loader, api, renderer } = tile.page;
  const found = await tile.find(match);
  const picture = found?.sequence.pictures[found.at];
  if (!picture?.address || !picture.plane || signal.aborted) {
    return;
  }
  const pixels = await loader.load(api.href(picture.address), signal, AHEAD);
  const { plane: { spacing } } = picture;
  const frame = frameOf(pixels, picture);
  const mmPerPixel = fittingScale({ rows: frame.rows, columns: frame.columns, spacing }, SIZE, SIZE);
  const matrix = imageFromCanvas({
    row: (frame.rows - 1) / 2, column: (frame.columns - 1) / 2, x: (SIZE - 1) / 2, y: (SIZE - 1) / 2, mmPerPixel, isFlippedH: false, isFlippedV: false,
  }, spacing);
  const window = { ...(picture.window ?? rangeOf(frame, 0.01)), isInverted: picture.isInverted };
  const { image } = await renderer.draw({ frame, key: picture.address, matrix, window, width: SIZE, height: SIZE });
  if (!signal.aborted) {
    canvas.getContext('2d')?.putImageData(image, 0, 0);
    canvas.dataset.drawn = `${match.sopInstanceUid} ${match.frameNumber}`;
  }
}
