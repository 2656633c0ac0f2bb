// @ts-check
/** What is linked, in the toolbar and at each tile. */

import { html } from '../../shared/html.js';
import { word } from '../../shared/words.js';
import { ACTIONS } from './compare.js';

/** @param {{page: import('../point/page_model.js').PageModel}} props */
export function LinkSwitches({ page: { compare } }) {
  return html`<div class="group link-switches" role="group" aria-label=${word('link.name')}>
    <span class="quiet" title=${word('link.title')}>${word('link.name')}</span>
    ${ACTIONS.map((action) => html`<label class="group" key=${action} title=${word(`link.${action}.title`)}>
      <input type="checkbox" checked=${compare.switches[action]} onChange=${() => compare.set(action, !compare.switches[action])} />${word(`link.${action}`)}</label>`)}
  </div>`;
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

/** Where the linked line is beyond what a study has. @param {{tile: import('../point/tile_model.js').TileModel}} props */
export function Outside({ tile }) {
  const { outside } = tile;
  return outside && html`<p class="in-picture outside-word" role="status">${word(outside.key, outside.values)}</p>`;
}
