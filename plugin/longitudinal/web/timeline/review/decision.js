// @ts-check
/** Accept or reject an alignment, with a word why; a rejected one offers landmarks at once. */

import { inPath } from '../../shared/api.js';
import { html, useState } from '../../shared/html.js';
import { word } from '../../shared/words.js';
import { writeAddress } from '../address.js';
import { detailOf } from '../point/messages.js';

/** @param {{api: import('../../shared/api.js').Api, transform: any, onDecided: (transform: any) => void}} props */
export function Decision({ api, transform, onDecided }) {
  const [reason, setReason] = useState('');
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState('');
  const { review } = transform;
  /** @param {'accepted' | 'rejected'} decision */
  async function decide(decision) {
    setBusy(true);
    setProblem('');
    try {
      const answer = await api.ask(`/transforms/${inPath(transform.id)}/review`, { body: { decision, reason: reason.trim() } });
      onDecided(answer);
    } catch (error) {
      setProblem(detailOf(error));
    }
    setBusy(false);
  }
  return html`<div class="decision">
    ${review !== null && html`<p class="decided"><strong>${word(`review.${review.decision}`)}</strong> ${word('review.by', { name: review.by || word('review.nobody'), at: review.at?.slice(0, 16).replace('T', ' ') ?? '' })}
      ${review.reason && html`<q>${review.reason}</q>`}</p>`}
    <div class="group tools">
      <label class="group">${word('review.reason')} <input value=${reason} maxlength="200" onInput=${(/** @type {any} */ event) => setReason(event.target.value)} /></label>
      <button disabled=${isBusy || review?.decision === 'accepted'} onClick=${() => decide('accepted')}>${word('review.accept')}</button>
      <button disabled=${isBusy || review?.decision === 'rejected'} onClick=${() => decide('rejected')}>${word('review.reject')}</button>
      ${review?.decision === 'rejected' && html`<a class="button" href=${byHand(transform)}>${word('review.landmarks')}</a>`}
    </div>
    ${problem && html`<p class="warning" role="alert">${word('review.failed', { detail: problem })}</p>`}
  </div>`;
}

/** @param {any} transform with its patient and studies */
function byHand({ orthancPatientId, sourceStudyInstanceUid, targetStudyInstanceUid }) {
  return writeAddress({ view: 'align', patient: orthancPatientId, source: sourceStudyInstanceUid, target: targetStudyInstanceUid });
}
