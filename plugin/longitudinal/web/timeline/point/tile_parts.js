// @ts-check
/** Smaller parts of a tile: the group of frames, the series, the slider and cine. */

import { html, useEffect } from '../../shared/html.js';
import { word } from '../../shared/words.js';
import { seriesWithPictures } from './series.js';

const CINE_MS = 100;
const COLOURS = 8;

/** @typedef {{tile: import('./tile_model.js').TileModel}} Props */

/** A letter for frames that transforms join, a number for the frame itself. @param {Props} props */
export function FrameChip({ tile }) {
  const { frames } = tile.page.patient;
  const uid = tile.match?.frameOfReferenceUid || tile.shown?.sequence.frameOfReferenceUid || tile.study.frameOfReferenceUids[0];
  const number = frames.findIndex((/** @type {any} */ frame) => frame.frameOfReferenceUid === uid || frame.aliases.includes(uid));
  if (number < 0) {
    return null;
  }
  const { group } = frames[number];
  const letter = group < 26 ? String.fromCharCode(65 + group) : `${group + 1}·`;
  return html`<span class="chip chip-${group % COLOURS}" title=${word('tile.frame', { letter })}>${letter}${number + 1}</span>`;
}

/** @param {Props} props */
export function SeriesSelect({ tile }) {
  const series = seriesWithPictures(tile.study);
  if (series.length === 0) {
    return null;
  }
  const uid = tile.shown?.series.uid ?? tile.match?.seriesInstanceUid ?? '';
  const choose = (/** @type {any} */ event) => event.target.value && tile.showSeries(event.target.value);
  return html`<select class="series" aria-label=${word('tile.series')} value=${uid} onChange=${choose}>
    ${uid === '' && html`<option value="">${word('tile.chooseSeries')}</option>`}
    ${series.map((/** @type {any} */ one) => html`<option value=${one.seriesInstanceUid} key=${one.seriesInstanceUid}>${nameOf(one)}</option>`)}
  </select>`;
}

/** @param {any} series */
function nameOf(series) {
  const name = [series.seriesNumber, series.modality, series.seriesDescription].filter((part) => part !== null && part !== '').join(' ');
  return series.planes === 0 ? word('tile.seriesNoPlace', { name }) : name;
}

/** @param {Props} props */
export function Slider({ tile }) {
  const { wanted, shown } = /** @type {any} */ (tile.onCanvas);
  const target = wanted ?? shown;
  const count = target?.sequence.pictures.length ?? 1;
  const set = (/** @type {any} */ event) => tile.goTo(Number(event.target.value) - 1);
  return html`<input type="range" class="slices" min="1" max=${count} value=${(target?.at ?? 0) + 1} disabled=${count < 2}
    aria-label=${word('tile.slider')} aria-orientation="vertical"
    aria-valuetext=${word('tile.slice', { slice: (target?.at ?? 0) + 1, slices: count })} onInput=${set} />`;
}

/** @param {Props} props */
export function Cine({ tile }) {
  const on = /** @type {import('./tile_model.js').TileModel} */ (tile.onCanvas);
  const count = on.shown?.sequence.pictures.length ?? 0;
  useEffect(() => {
    if (!tile.isPlaying) {
      return undefined;
    }
    const timer = setInterval(() => {
      const { shown: from, isBusy } = /** @type {any} */ (tile.onCanvas);
      if (from !== null && !isBusy) { // the next when this one is there
        tile.goTo((from.at + 1) % from.sequence.pictures.length);
      }
    }, CINE_MS);
    return () => clearInterval(timer);
  }, [tile, tile.isPlaying]);
  if (count < 2) {
    return null;
  }
  return html`<button aria-pressed=${tile.isPlaying} aria-label=${word('tile.cine')} title=${word('tile.cine')}
    onClick=${() => tile.play(!tile.isPlaying)}>${tile.isPlaying ? '❚❚' : '▶'}</button>`;
}
