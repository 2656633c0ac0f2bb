// @ts-check
/** One study: its picture, what is said of it, and its buttons. */

import { Component, html, useEffect, useRef } from '../../shared/html.js';
import { useObservableByFrame } from '../../shared/observable.js';
import { word } from '../../shared/words.js';
import { PairSaid, PairTools } from '../compare/pair_view.js';
import { CutSaid, Outside, TileLink, TilePin } from '../compare/toolbar.js';
import { dayOf, intervalOf } from './dates.js';
import { Outlines } from '../radiotherapy/outlines.js';
import { openedShare } from '../share/session.js';
import { listen } from './gestures.js';
import { errorWords, GradeShape, gradeOf } from './grade.js';
import { Painter } from './painter.js';
import { seriesWithPictures } from './series.js';
import { Refined } from './refined.js';
import { Cine, FrameChip, SeriesSelect, Slider } from './tile_parts.js';
import { Unresolved } from './unresolved.js';
import * as actions from './actions.js';

/** Drawn again when its study changes, not whenever the page does. */
export class Tile extends Component {
  /** @param {{tile: object}} next */
  shouldComponentUpdate(next) {
    return next.tile !== this.props.tile;
  }

  render() {
    return html`<${Study} tile=${this.props.tile} />`;
  }
}

/** @param {{tile: import('./tile_model.js').TileModel}} props */
function Study({ tile }) {
  useObservableByFrame(tile);
  const { page } = tile;
  const grade = gradeOf(tile);
  const activate = () => page.activate(tile);
  const name = titleOf(tile);
  return html`<section class="tile ${tile.isAsked ? 'asked' : ''} ${page.active === tile ? 'active' : ''}" aria-label=${name}
      data-study=${tile.uid} data-grade=${grade} data-answer=${tile.question}
      onPointerEnter=${activate} onfocusin=${activate} onPointerLeave=${() => { tile.pointer = null; }}>
    <header class="tile-head">
      <h2>${name}</h2>
      <${FrameChip} tile=${tile} />
      <${SeriesSelect} tile=${tile} />
    </header>
    <${PictureBox} tile=${tile} name=${name} />
    <${Said} tile=${tile} grade=${grade} />
  </section>`;
}

/** @param {import('./tile_model.js').TileModel} tile */
export function titleOf(tile) {
  const { study, page } = tile;
  const modality = tile.shown?.series.modality || tile.match?.modality || [...new Set(seriesWithPictures(study).map((/** @type {any} */ one) => one.modality))].join(' ');
  const interval = tile.isAsked || page.asked === null ? '' : intervalOf(dayOf(page.asked.study), dayOf(study));
  return [study.studyDate || word('tile.noDate'), interval, modality].filter(Boolean).join(' · ');
}

/** @param {{tile: import('./tile_model.js').TileModel, name: string}} props */
function PictureBox({ tile, name }) {
  const canvas = useRef(/** @type {HTMLCanvasElement | null} */ (null));
  const over = useRef(/** @type {HTMLElement | null} */ (null));
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    const painter = new Painter(tile, /** @type {HTMLCanvasElement} */ (canvas.current), /** @type {HTMLElement} */ (over.current));
    const end = listen(tile, /** @type {HTMLElement} */ (box.current));
    return () => {
      painter.leave();
      end();
    };
  }, [tile]);
  const { shown, page } = tile;
  const isStale = tile.isBusy && shown !== null && !tile.isCurrent;
  const isNative = tile.outside === null && !page.compare.isOnPlane(tile); // lines of a slice belong on that slice alone
  const label = shown === null ? name
    : word('tile.picture', { name, slice: shown.at + 1, slices: shown.sequence.pictures.length });
  return html`<div class="picture-row">
    <div class="picture ${isStale ? 'stale' : ''} ${tile.outside === null || page.compare.isOnPlane(tile) ? '' : 'outside'}" ref=${box} tabindex="0" role="group" aria-label=${label}>
      <canvas ref=${canvas} role="img" aria-label=${label}></canvas>
      ${(isNative || (page.compare.pairing.isFused(tile) && !tile.isCutting)) && html`<${Outlines} tile=${tile} />`}
      <div class="over" ref=${over}></div>
      <${Outside} tile=${tile} />
      <${PairTools} tile=${tile} />
      ${isNative && page.diameters !== null && html`<${page.diameters} tile=${tile} />`}
      ${tile.unresolved !== null && html`<${Unresolved} tile=${tile} isShort=${shown !== null} />`}
      ${tile.unresolved === null && shown === null && !tile.isBusy && tile.message === null
        && html`<p class="in-picture">${word(tile.page.question === null ? 'tile.waiting' : 'tile.notShown')}</p>`}
      ${shown !== null && shown.picture.plane === null && tile.unresolved === null && html`<p class="in-picture low">${word('tile.noPlace')}</p>`}
      ${tile.message !== null && html`<p class="in-picture message-in">${word(tile.message.key, tile.message.values)}</p>`}
      ${tile.isWithdrawn && html`<p class="in-picture message-in">${word('tile.withdrawn')}${' '}
        <button onClick=${() => tile.page.repeat()}>${word('tile.askAgain')}</button></p>`}
      ${(tile.isBusy || tile.isCutting) && html`<span class="busy">${word('tile.loading')}</span>`}
    </div>
    <${Slider} tile=${tile} />
  </div>`;
}

/**
 * What is said of the picture and of the place in it.
 *
 * @param {{tile: import('./tile_model.js').TileModel, grade: import('./grade.js').Grade | null}} props
 */
function Said({ tile, grade }) {
  const { shown, page } = tile;
  // nothing of a new answer beside the picture of an older one
  const match = shown === null || tile.isCurrent ? tile.match : null;
  const crosshair = tile.isCurrent && !tile.isWithdrawn ? tile.crosshair() : null;
  const { center, width, voi } = tile.currentRange();
  return html`<footer class="tile-foot">
    <p class="line grade-line">
      ${grade !== null && match !== null && html`<${GradeShape} grade=${grade} />`}
      ${match !== null && tile.isWithdrawn && html`<strong>${word('grade.withdrawn')}</strong>`}
      ${match !== null && !tile.isWithdrawn && html`<strong class="grade-word">${errorWords(match)}</strong>`}
      ${match !== null && !match.isSource && match.path.length > 0 && html`<span class="reviewed">${word(match.reviewed ? 'tile.reviewed' : 'tile.notReviewed')}</span>`}
      ${match?.inGap && html`<span>${word('tile.inGap')}</span>`}
    </p>
    <p class="line">
      ${shown !== null && html`<${CutSaid} tile=${tile} />`}
      ${crosshair !== null && html`<span class="distance">${distanceWords(crosshair.distanceMm)}</span>`}
      ${match !== null && tile.isCurrent && crosshair === null && !tile.isWithdrawn && html`<span>${word('tile.otherFrame')}</span>`}
      ${shown?.frame?.samples === 1 && html`<span class="window">${word('tile.window', { center: short(center), width: short(width), unit: shown.picture.unit ?? '' })}${voi && ` ${word(`tile.voi.${voi}`)}`}</span>`}
      ${shown?.frame && shown.picture.notApplied.map((key) => html`<span class="warning not-applied" key=${key}>${word(key)}</span>`)}
      ${shown?.frame && !tile.isBusy && !page.compare.isOnPlane(tile) && html`<span class="quality">${tile.reduction === 1 ? word('tile.full') : word('tile.reduced', { times: tile.reduction })}</span>`}
    </p>
    <${PairSaid} tile=${tile} />
    <div class="line actions">
      <${Cine} tile=${tile} />
      ${canRefine(tile) && html`<button onClick=${() => actions.refine(tile)} disabled=${tile.refinement?.state === 'running'}
        aria-label=${word('refine.button.of', { study: titleOf(tile) })}>${word('refine.button')}</button>`}
      ${match?.links.ohif && openedShare() === null && html`<a class="button" href=${tile.page.api.href(match.links.ohif)} target="_blank" rel="noopener"
        aria-label=${word('tile.ohif.of', { study: titleOf(tile) })}>${word('tile.ohif')}</a>`}
      <${TileLink} tile=${tile} />
      <${TilePin} tile=${tile} />
      <${Refined} tile=${tile} />
    </div>
  </footer>`;
}

/** Whether transforms led to the place. @param {import('./tile_model.js').TileModel} tile */
function canRefine({ match, page, isWithdrawn }) {
  return openedShare() === null && match !== null && !match.isSource && match.path.length > 0 && !isWithdrawn && page.question !== null;
}

/** @param {number} mm */
function distanceWords(mm) {
  const rounded = mm.toFixed(1);
  return Math.abs(mm) < 0.05 ? word('tile.onSlice') : word('tile.beside', { mm: rounded.replace('-', '−') });
}

/** @param {number} value */
function short(value) {
  return Math.abs(value) >= 10 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
}
