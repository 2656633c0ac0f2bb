// @ts-check
/** What refining came to, in words. */

import { html } from '../../shared/html.js';
import { word } from '../../shared/words.js';

/** @param {{tile: import('./tile_model.js').TileModel}} props */
export function Refined({ tile }) {
  const { refinement } = tile;
  if (refinement === null) {
    return null;
  }
  if (refinement.state === 'running') {
    return html`<span class="refined" role="status">${word('refine.running')}</span>`;
  }
  if (refinement.state === 'failed' || !refinement.result) {
    const { key, values } = /** @type {any} */ (refinement.message);
    return html`<span class="refined" role="status">${word(key, values)}</span>`;
  }
  return html`<span class="refined" role="status" title=${refinement.result.detail}>${wordsOf(refinement.result)}</span>`;
}

/** @param {any} result */
function wordsOf({ isRefined, movedMm, grade, reason, detail }) {
  if (isRefined) {
    return movedMm > 0 ? word('refine.moved', { mm: movedMm.toFixed(1) }) : word('refine.confirmed');
  }
  if (reason === 'contradicted' || grade === 'red') {
    return word('refine.contradicted');
  }
  return word('refine.kept', { detail });
}
