// @ts-check
/** What is linked, in the toolbar and at each tile. */

import { html } from '../../shared/html.js';
import { word } from '../../shared/words.js';
import { seriesWithPictures } from '../point/series.js';
import { titleOf } from '../point/tile.js';
import { ACTIONS } from './actions.js';
import { MODES } from './pair.js';
import { isComparable } from './pairing.js';

/** @param {{page: import('../point/page_model.js').PageModel}} props */
export function LinkSwitches({ page: { compare, tiles } }) {
  return html`<div class="group link-switches" role="group" aria-label=${word('link.name')}>
    <span class="quiet" title=${word('link.title')}>${word('link.name')}</span>
    ${ACTIONS.map((action) => html`<label class="group" key=${action} title=${action === 'window' ? windowTitle(modalitiesOf(tiles)) : word(`link.${action}.title`)}>
      <input type="checkbox" checked=${compare.switches[action]} onChange=${() => compare.set(action, !compare.switches[action])} />${word(`link.${action}`)}</label>`)}
  </div>`;
}

/** Of all the images that the studies have. @param {readonly {study: any}[]} tiles @returns {string[]} sorted */
function modalitiesOf(tiles) {
  return [...new Set(tiles.flatMap(({ study }) => seriesWithPictures(study)
    .filter((/** @type {any} */ one) => one.roles.includes('image')).map((/** @type {any} */ one) => one.modality)))].sort();
}

/** What linking the window does with the images that there are. @param {readonly string[]} modalities @returns {string} */
export function windowTitle(modalities) {
  const others = modalities.filter((modality) => modality !== 'CT');
  const names = others.join(', ');
  if (modalities.includes('CT')) {
    return others.length === 0 ? word('link.window.ct') : word('link.window.both', { others: names });
  }
  return word('link.window.others', { others: names });
}

/** @param {{tile: import('../point/tile_model.js').TileModel}} props */
export function TileLink({ tile }) {
  const { compare, tiles } = tile.page;
  if (tiles.length < 2 || !ACTIONS.some((action) => compare.switches[action])) {
    return null;
  }
  return html`<button class="tile-link" aria-pressed=${tile.isLinked} title=${word('link.tile.title')}
    onClick=${() => compare.linkTile(tile, !tile.isLinked)}>${word('link.tile')}</button>`;
}

/** @param {{tile: import('../point/tile_model.js').TileModel}} props */
export function TilePin({ tile }) {
  const { compare, pages } = tile.page;
  const isPinned = compare.pins.has(tile.uid);
  return (pages > 1 || isPinned) && html`<button class="tile-link" aria-pressed=${isPinned} title=${word('pin.title')}
    onClick=${() => compare.pin(tile)}>${word('pin.name')}</button>`;
}

/** Where the linked line is beyond what a study has. @param {{tile: import('../point/tile_model.js').TileModel}} props */
export function Outside({ tile }) {
  const { outside } = tile;
  const { cutProblem, page } = tile;
  if (page.compare.isOnPlane(tile)) {
    return cutProblem && html`<p class="in-picture message-in" role="status">${word(cutProblem.key, cutProblem.values)}</p>`;
  }
  return outside && html`<p class="in-picture outside-word" role="status">${word(outside.key, outside.values)}</p>`;
}

/** Which slice is seen, or along which one the study is cut. @param {{tile: import('../point/tile_model.js').TileModel}} props */
export function CutSaid({ tile }) {
  const { compare, asked } = tile.page;
  const { at, sequence } = /** @type {import('../point/tile_pictures.js').Shown} */ (tile.shown);
  if (!compare.isOnPlane(tile) || tile === asked) {
    return html`<span class="slice">${word('tile.slice', { slice: at + 1, slices: sequence.pictures.length })}</span>`;
  }
  return html`<span class="slice">${word('cut.along', { study: asked?.study.studyDate || word('tile.noDate') })}</span>
    ${tile.cutFrom === 'server' && html`<span class="quality">${word('cut.fromServer')}</span>`}`;
}

/** @param {{page: import('../point/page_model.js').PageModel}} props */
export function CompareButtons({ page }) {
  const { compare, tiles } = page;
  const { pairing } = compare;
  if (tiles.length < 2) {
    return null;
  }
  return html`<div class="group" role="group" aria-label=${word('pair.name')}>
      <button aria-pressed=${compare.sameCut} title=${word('cut.title')} onClick=${() => compare.setSameCut(!compare.sameCut)}>${word('cut.name')}</button>
      ${MODES.map((mode) => html`<button key=${mode} aria-pressed=${pairing.mode === mode} title=${word(`pair.${mode}.title`)}
        onClick=${() => (pairing.mode === mode ? pairing.end() : pairing.begin(mode))}>${word(`pair.${mode}`)}</button>`)}
    </div>
    ${pairing.mode !== null && html`<div class="group" role="group" aria-label=${word('pair.name')}>
      <${Choice} page=${page} name="first" /><${Choice} page=${page} name="second" />
      <button onClick=${() => pairing.exchange()} title=${word('pair.exchange.title')}>${word('pair.exchange')}</button></div>`}`;
}

/** @param {{page: import('../point/page_model.js').PageModel, name: 'first' | 'second'}} props */
function Choice({ page, name }) {
  const { pairing } = page.compare;
  const [mine, other] = name === 'first' ? [pairing.first, pairing.second] : [pairing.second, pairing.first];
  const choose = (/** @type {any} */ event) => {
    const tile = page.tiles.find(({ uid }) => uid === event.target.value);
    if (tile !== undefined && other !== null) {
      pairing.choose(name === 'first' ? tile : other, name === 'first' ? other : tile);
    }
  };
  const choices = page.tiles.filter((tile) => tile !== other && (tile === mine || tile.match !== null || isComparable(tile)));
  return html`<select class="pair-choice" aria-label=${word(`pair.${name}`)} value=${mine?.uid} onChange=${choose}>
    ${choices.map((tile) => html`<option value=${tile.uid} key=${tile.uid}>${titleOf(tile)}</option>`)}
  </select>`;
}
