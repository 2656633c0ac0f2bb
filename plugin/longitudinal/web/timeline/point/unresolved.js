// @ts-check
/** A study that cannot answer: why, in plain words, and the button that helps. */

import { html, useEffect } from '../../shared/html.js';
import { hasWord, word } from '../../shared/words.js';
import { writeAddress } from '../address.js';
import { openedShare } from '../share/session.js';
import * as actions from './actions.js';

/** Reasons that a button helps against. */
const HELP = {
  notIndexed: { act: actions.index, key: 'unresolved.index' },
  needsAlignment: { act: actions.align, key: 'unresolved.align' },
  alignmentFailed: { act: actions.align, key: 'unresolved.alignAgain' },
};

/** @param {{tile: import('./tile_model.js').TileModel, isShort: boolean}} props isShort: there is a picture to leave free */
export function Unresolved({ tile, isShort }) {
  const { reason, detail } = tile.unresolved;
  const help = openedShare() === null ? /** @type {Record<string, any>} */ (HELP)[reason] : undefined;
  const isUnderWay = ['queued', 'running'].includes(tile.study.alignment) || reason === 'notIndexed';
  useEffect(() => {
    if (isUnderWay && tile.job === null && openedShare() === null) {
      actions.resume(tile); // it may have been started before the page was opened
    }
  }, [tile, reason]);
  const key = `unresolved.${reason}`;
  return html`<div class="in-picture unresolved ${isShort ? 'low' : ''}" data-reason=${reason}>
    <p><strong>${hasWord(key) ? word(key) : reason}</strong></p>
    ${detail && !isShort && html`<p class="detail">${detail}</p>`}
    ${tile.job !== null ? html`<${Job} tile=${tile} />`
    : help && html`<button class="help" onClick=${() => help.act(tile)}>${word(help.key)}</button>`}
    ${tile.job === null && help?.act === actions.align && html`${' '}<a class="button" href=${byHand(tile)}>${word('unresolved.byHand')}</a>`}
  </div>`;
}

/** @param {import('./tile_model.js').TileModel} tile */
function byHand({ page, study }) {
  const other = page.asked ?? page.tiles.find((one) => one.study !== study);
  return writeAddress({ view: 'align', patient: page.patient.orthancPatientId, source: other?.uid, target: study.studyInstanceUid, exam: page.exam });
}

/** @param {{tile: any}} props */
function Job({ tile }) {
  const { state, progress, stage, secondsLeft } = tile.job;
  const percent = Math.floor(100 * progress);
  return html`<div class="job" role="status">
    <progress max="1" value=${progress} aria-label=${word('job.progress')}></progress>
    <p>${state === 'queued' ? word('job.queued') : word('job.running', { percent, stage })}
      ${secondsLeft !== null && html`${' '}<span>${word('job.left', { seconds: Math.ceil(secondsLeft) })}</span>`}</p>
    ${tile.job.id && html`<button onClick=${() => actions.stop(tile)}>${word('job.stop')}</button>`}
  </div>`;
}
