// @ts-check
/** The page of one place limited to the studies of an exam, as `?exam=` in its address. */

import { html } from '../../shared/html.js';
import { word } from '../../shared/words.js';

/**
 * @param {import('../../shared/api.js').Api} api
 * @param {string | undefined} exam
 * @param {AbortSignal} signal
 * @returns {Promise<Set<string> | null>} StudyInstanceUIDs; null where no exam limits the page
 */
export async function studiesOfExam(api, exam, signal) {
  if (!exam) {
    return null;
  }
  const { studies } = await api.ask(`/exams/${encodeURIComponent(exam)}`, { signal });
  return new Set(studies.map((/** @type {any} */ study) => study.studyInstanceUid));
}

/**
 * What limits the page, and the way to all studies.
 *
 * @param {{exam: string | undefined, onAll: () => void}} props
 */
export function ExamFilter({ exam, onAll }) {
  if (!exam) {
    return null;
  }
  return html`<p class="exam-filter"><span>${word('exams.only', { exam })}</span>
    <button type="button" onClick=${onAll}>${word('exams.all')}</button></p>`;
}
