// @ts-check
/** A study in the panel: where the place is in it and how well that is known, or why it has none and what helps. */

import { html } from '../../web/shared/html.js';
import { hasWord, word } from '../../web/shared/words.js';
import { dayOf, intervalOf } from '../../web/timeline/point/dates.js';
import { GradeShape, errorWords } from '../../web/timeline/point/grade.js';

const ON_SLICE_MM = 0.05;

/** @param {{row: import('./question.js').Row, session: import('./session.js').Session}} props */
export function StudyRow({ row, session }) {
  const { question } = session;
  const entry = row.match ?? row.unresolved;
  const date = entry.studyDate || word('tile.noDate');
  const interval = row.match?.isSource ? '' : intervalOf(question.day, dayOf(entry));
  return html`<li class="study ${row.match?.isSource ? 'asked' : ''}" data-study=${row.study}>
    ${row.isWithdrawn ? html`<div class="unresolved" data-reason="withdrawn"><span class="when"><strong>${date}</strong></span>
      <span class="problem" role="alert">${word('tile.withdrawn')}</span>
      <button onClick=${() => question.repeat()}>${word('tile.askAgain')}</button></div>`
    : row.match !== null ? html`<${Match} match=${row.match} date=${date} interval=${interval} session=${session} />`
    : html`<${Unresolved} row=${row} date=${date} interval=${interval} session=${session} />`}
  </li>`;
}

/** @param {{match: any, date: string, interval: string, session: import('./session.js').Session}} props */
function Match({ match, date, interval, session }) {
  const off = Math.abs(match.distanceMm) < ON_SLICE_MM ? word('tile.onSlice') : word('tile.beside', { mm: Math.abs(match.distanceMm).toFixed(1) });
  return html`<button class="open" title=${word('ohif.open', { study: date })} onClick=${() => session.attempt(() => session.open(match))}>
    <img class="thumbnail" src=${session.api.href(match.links.frame)} alt="" loading="lazy" width="64" height="64" />
    <span class="told">
      <span class="when"><strong>${date}</strong> <span class="quiet">${interval}</span></span>
      <span class="quiet series">${match.modality} ${match.seriesDescription}</span>
      <span class="grade grade-${match.isSource ? 'asked' : match.grade}"><${GradeShape} grade=${match.isSource ? 'asked' : match.grade} /> ${errorWords(match)}</span>
      ${!match.isSource && html`<span class="quiet">${reviewed(match)}</span>`}
      <span class="quiet">${off}${match.inGap && `, ${word('tile.inGap')}`}</span>
    </span>
  </button>`;
}

/** '' within one frame: there is no alignment to review. @param {any} match */
function reviewed(match) {
  return match.path.length === 0 ? '' : word(match.reviewed ? 'tile.reviewed' : 'tile.notReviewed');
}

/** @param {{row: import('./question.js').Row, date: string, interval: string, session: import('./session.js').Session}} props */
function Unresolved({ row, date, interval, session }) {
  const { question } = session;
  const { reason, detail } = row.unresolved;
  const help = {
    notIndexed: { act: () => question.index(row), key: 'unresolved.index' },
    needsAlignment: { act: () => question.align(row), key: 'unresolved.align' },
    alignmentFailed: { act: () => question.align(row), key: 'unresolved.alignAgain' },
  }[/** @type {string} */ (reason)];
  const key = `unresolved.${reason}`;
  return html`<div class="unresolved" data-reason=${reason}>
    <span class="when"><strong>${date}</strong> <span class="quiet">${interval}</span></span>
    <span class="grade grade-none"><${GradeShape} grade="none" /> ${hasWord(key) ? word(key) : reason}</span>
    ${detail && html`<span class="quiet">${detail}</span>`}
    ${row.message && html`<span class="problem" role="alert">${row.message}</span>`}
    ${row.job !== null ? html`<${Job} row=${row} question=${question} />`
    : help && html`<button onClick=${help.act}>${word(help.key)}</button>`}
  </div>`;
}

/** @param {{row: import('./question.js').Row, question: import('./question.js').Question}} props */
function Job({ row, question }) {
  const { id, state, progress, stage, secondsLeft } = row.job;
  return html`<div class="job" role="status">
    <progress max="1" value=${progress} aria-label=${word('job.progress')}></progress>
    <span>${state === 'queued' ? word('job.queued') : word('job.running', { percent: Math.floor(100 * progress), stage })}
      ${secondsLeft !== null && html`${' '}${word('job.left', { seconds: Math.ceil(secondsLeft) })}`}</span>
    ${id && html`<button onClick=${() => question.stop(row)}>${word('job.stop')}</button>`}
  </div>`;
}
