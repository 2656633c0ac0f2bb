// @ts-check
/** What the pairs and the rough start come to: residuals, expected error, and what can be done with it. */

import { html } from '../../shared/html.js';
import { word } from '../../shared/words.js';
import { writeAddress } from '../address.js';
import { LEAST_PAIRS } from './fit.js';

/** @param {{model: import('./model.js').AlignModel, exam?: string}} props `exam`: what the page was limited to before */
export function Outcome({ model, exam }) {
  const { pairs, fit, answer, volumes, isSaving, saved, job, isRough, hasRough } = model;
  const isReady = volumes.source !== null && volumes.target !== null && !model.isSameFrame;
  const hasMap = fit !== null || hasRough;
  const isRunning = job !== null && ['queued', 'running'].includes(job.state);
  return html`<section class="outcome" aria-label=${word('align.outcome')}>
    <div class="group tools" role="group" aria-label=${word('align.mode')}>
      <button aria-pressed=${!isRough} onClick=${() => { model.isRough = false; model.changed(); }}>${word('align.landmarks')}</button>
      <button aria-pressed=${isRough} onClick=${() => { model.isRough = true; model.changed(); }}>${word('align.rough')}</button>
      <p class="quiet">${word(isRough ? 'align.roughHow' : hintOf(model))}</p>
    </div>
    ${isRough && html`<${Six} model=${model} />`}
    ${pairs.length > 0 && html`<${Pairs} model=${model} />`}
    <p class="figures" role="status">${figuresOf(fit, answer, pairs)}</p>
    <div class="group tools">
      <button class="main" disabled=${!isReady || !hasMap || isSaving || saved !== null} onClick=${() => model.save()}>${word(fit !== null ? 'align.save' : 'align.saveRough')}</button>
      <button disabled=${!isReady || !hasMap || isRunning} onClick=${() => model.handOver()} title=${word('align.handOver.title')}>${word('align.handOver')}</button>
      ${saved !== null && html`<span class="done">${word('align.saved')}</span>
        <a class="button" href=${writeAddress({ view: 'point', patient: model.patient.orthancPatientId, exam })}>${word('align.see')}</a>`}
      ${job !== null && html`<span role="status">${jobWords(job)}</span>`}
    </div>
  </section>`;
}

/** @param {import('./model.js').AlignModel} model */
function hintOf({ begun, pairs }) {
  if (begun.source !== undefined) {
    return 'align.nowTarget';
  }
  return begun.target !== undefined ? 'align.nowSource' : pairs.length < LEAST_PAIRS ? 'align.hint' : 'align.hintMore';
}

/** @param {{model: import('./model.js').AlignModel}} props */
function Pairs({ model }) {
  const { pairs, fit, answer } = model;
  const left = answer?.residualsMm ?? fit?.residuals;
  return html`<div class="pairs"><table><caption class="visually-hidden">${word('align.pairs')}</caption>
    <thead><tr><th scope="col">${word('align.pair')}</th><th scope="col">${word('align.residual')}</th><th scope="col"><span class="visually-hidden">${word('align.pairTools')}</span></th></tr></thead>
    <tbody>${pairs.map((_, at) => html`<tr key=${at}><th scope="row">${at + 1}</th><td class="residual">${left ? word('lesions.mm', { mm: left[at].toFixed(2) }) : '–'}</td>
      <td><button onClick=${() => model.goTo(at)} aria-label=${word('align.goTo.of', { number: at + 1 })}>${word('align.goTo')}</button>
        <button onClick=${() => model.remove(at)} aria-label=${word('align.remove.of', { number: at + 1 })}>${word('align.remove')}</button></td></tr>`)}</tbody>
  </table></div>`;
}

/** @param {any} fit @param {any} answer @param {any[]} pairs */
function figuresOf(fit, answer, pairs) {
  if (answer !== null) {
    const [place] = answer.points;
    return [word('align.fre', { mm: answer.freMm.toFixed(2) }),
      place?.expectedErrorMm == null ? word('align.errorUnknown') : word('align.error', { mm: place.expectedErrorMm.toFixed(1) })].join(' ');
  }
  return fit !== null ? word('align.asking') : word('align.count', { count: pairs.length, least: LEAST_PAIRS });
}

/** Six numbers, for those who do not drag. @param {{model: import('./model.js').AlignModel}} props */
function Six({ model }) {
  const six = model.six;
  return html`<fieldset class="six"><legend>${word('align.six')}</legend>
    ${['x', 'y', 'z', 'rx', 'ry', 'rz'].map((name, at) => html`<label key=${name}>${word(`align.six.${name}`)}
      <input type="number" step=${at < 3 ? 1 : 0.5} value=${Number(six[at].toFixed(2))} onChange=${(/** @type {any} */ event) => model.setSix(at, Number(event.target.value))} /></label>`)}
  </fieldset>`;
}

/** @param {any} job */
function jobWords({ state, progress, stage, error, result }) {
  if (state === 'queued') {
    return word('job.queued');
  }
  if (state === 'running') {
    return word('job.running', { percent: Math.floor(100 * progress), stage });
  }
  if (state === 'done') {
    return doneWords(result);
  }
  return word(`job.${state}`, { detail: error ?? '' });
}

/** Codes of alignments whose result was never judged, as in AlignmentFailure. */
const ENDED = ['unreadablePixels', 'tooDeep', 'imageUnavailable', 'imageGone', 'tooMuchMemory', 'registrationFailed', 'workerCrashed'];

/** A job that is done may have aligned nothing. @param {any} result @returns {string} */
export function doneWords(result) {
  const outcome = result?.outcome ?? 'aligned';
  if (outcome !== 'failed') {
    return word(outcome === 'aligned' ? 'align.jobDone' : `work.outcome.${outcome}`);
  }
  const last = (result.pairs ?? []).findLast((/** @type {any} */ pair) => pair.rejection);
  return word(ENDED.includes(last?.rejection) ? 'align.jobEnded' : 'align.jobFailed', { detail: last?.reason ?? '' });
}
