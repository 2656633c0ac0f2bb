// @ts-check
/** One examination: date, modality, description, a picture, and what can be said of it. */

import { html } from '../../shared/html.js';
import { counted, word } from '../../shared/words.js';
import { modalitiesOf } from './modalities.js';
import { Thumbnail } from './thumbnail.js';
import { timeLeft } from './work.js';

/** A shape beside each word, as colours alone say nothing to everybody. */
const SHAPES = { notIndexed: '○', indexed: '◐', aligned: '●', failed: '✕', working: '…' };

/**
 * @param {object} props
 * @param {import('../../shared/api.js').Api} props.api
 * @param {any} props.study
 * @param {number} props.number 1-based
 * @param {string} props.interval since the first, "" for the first
 * @param {import('./study_state.js').StudyState} props.state
 * @param {boolean} props.isChosen
 * @param {boolean} props.isPointed
 * @param {(isChosen: boolean) => void} props.onChoose
 * @param {(isOver: boolean) => void} props.onPoint
 * @param {(event: MouseEvent) => void} props.onOpen
 * @param {(job: any) => void} props.onStop
 */
export function StudyCard({ api, study, number, interval, state, isChosen, isPointed, onChoose, onPoint, onOpen, onStop }) {
  const date = study.studyDate || word('study.noDate');
  const modalities = modalitiesOf(study);
  const title = [date, modalities].filter(Boolean).join(' ');
  const slices = study.series.reduce((/** @type {number} */ sum, /** @type {any} */ series) => sum + series.planes, 0);
  return html`<li class=${`card${isPointed ? ' pointed' : ''}${isChosen ? ' chosen' : ''}`} id=${`study-${study.orthancStudyId}`}
    data-study=${study.studyInstanceUid} data-kind=${state.kind} onMouseEnter=${() => onPoint(true)} onMouseLeave=${() => onPoint(false)}>
    <label class="card-head"><input type="checkbox" checked=${isChosen} aria-label=${word('study.choose', { title })}
      onChange=${(/** @type {any} */ event) => onChoose(event.target.checked)} />
      <span class="card-number" aria-hidden="true">${number}</span>
      <span class="card-date">${date}</span> <span class="quiet">${interval}</span></label>
    <a class="card-open" href=${`?study=${encodeURIComponent(study.orthancStudyId)}`} onClick=${onOpen} aria-label=${word('study.open', { title })}>
      <${Thumbnail} api=${api} study=${study} />
      <span class="card-text">
        <span class="modality">${modalities || word('study.noModality')}</span>
        <span class="description">${study.studyDescription || word('study.noDescription')}</span>
        <span class="quiet">${counted('study.slices', slices)}</span>
      </span></a>
    <div class="card-state" data-grade=${state.grade ?? ''}>
      <p><span class="shape" aria-hidden="true">${SHAPES[state.kind]}</span> <span class="state-word">${word(state.key, state.values)}</span></p>
      ${state.why && html`<p class="why">${state.why}</p>`}
      ${state.job && html`<progress max="1" value=${state.job.progress} aria-label=${word(state.key, state.values)}></progress>
        <p class="job-line"><span>${timeLeft(state.job.secondsLeft)}</span>
        <button type="button" onClick=${() => onStop(state.job)} aria-label=${word('work.stopThis', { title })}>${word('work.stop')}</button></p>`}
    </div>
  </li>`;
}
