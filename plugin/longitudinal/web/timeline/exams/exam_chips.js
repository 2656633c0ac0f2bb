// @ts-check
/** The exams of other systems that images of a patient belong to, as buttons that choose their studies. */

import { html, useEffect, useState } from '../../shared/html.js';
import { counted, word } from '../../shared/words.js';

const MOST = 200;

/** @typedef {{exam: string, description: string, images: number, studies: {studyInstanceUid: string, orthancStudyId: string}[], deletedImages: any[]}} Exam */

/**
 * @param {import('../../shared/api.js').Api} api
 * @param {string} patient Orthanc id
 * @param {number} version grows when the archive has changed
 * @returns {Exam[]} none while they are not known
 */
export function useExams(api, patient, version) {
  const [known, setKnown] = useState(/** @type {{of: string, exams: Exam[]}} */ ({ of: '', exams: [] }));
  useEffect(() => {
    const controller = new AbortController();
    const query = new URLSearchParams({ patientId: patient, limit: String(MOST) });
    api.ask(`/exams?${query}`, { signal: controller.signal }).then(
      ({ exams }) => setKnown({ of: patient, exams }),
      () => {}, // a patient without a PatientID of its own has none that could be asked for
    );
    return () => controller.abort();
  }, [api, patient, version]);
  return known.of === patient ? known.exams : [];
}

/**
 * @param {object} props
 * @param {Exam[]} props.exams
 * @param {string | null} props.chosen
 * @param {(exam: Exam | null) => void} props.onChoose
 */
export function ExamChips({ exams, chosen, onChoose }) {
  if (exams.length === 0) {
    return null;
  }
  return html`<div class="exams" role="group" aria-label=${word('exams.title')}>
    <span class="quiet">${word('exams.title')}</span>
    ${exams.map((exam) => html`<button type="button" key=${exam.exam} aria-pressed=${String(chosen === exam.exam)}
      title=${[exam.description, ...saysDeleted(exam)].filter(Boolean).join(' · ')}
      onClick=${() => onChoose(chosen === exam.exam ? null : exam)}>
      <span class="exam-name">${exam.exam}</span> <span class="quiet">${counted('exams.studies', exam.studies.length)}</span>
      ${saysDeleted(exam).map((text) => html`<span class="warning">${text}</span>`)}</button>`)}
  </div>`;
}

/** @param {Exam} exam @returns {string[]} */
function saysDeleted({ deletedImages }) {
  return deletedImages.length ? [counted('exams.deleted', deletedImages.length)] : [];
}
