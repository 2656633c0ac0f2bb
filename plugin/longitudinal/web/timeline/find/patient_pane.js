// @ts-check
/** One patient: the studies on the time axis, and what can be done with some or all of them. */

import { html, useEffect, useRef, useState } from '../../shared/html.js';
import { counted, hasWord, word } from '../../shared/words.js';
import { RadiotherapyOfPatient } from '../radiotherapy/of_patient.js';
import { intervalOf } from './axis.js';
import { writeAddress } from '../address.js';
import { ExamChips, useExams } from '../exams/exam_chips.js';
import { AxisStrip } from './axis_strip.js';
import { modalitiesOf } from './modalities.js';
import { readableName } from './person_name.js';
import { PatientPlaces } from '../places/patient_places.js';
import { StudyCard } from './study_card.js';
import { stateOf } from './study_state.js';

const METHODS = ['rigid', 'affine', 'deformable'];
const SETTLING_MS = 5000;

/**
 * @param {object} props
 * @param {import('../../shared/api.js').Api} props.api
 * @param {string} props.id
 * @param {import('./jobs_feed.js').Feed} props.feed
 * @param {number} props.version grows when the archive has changed
 * @param {() => void} props.onChange jobs were queued or stopped
 * @param {(address: object) => void} props.go
 */
export function PatientPane({ api, id, feed, version, onChange, go }) {
  const [patient, problem] = usePatient(api, id, feed, version);
  const [chosen, setChosen] = useState(() => /** @type {Set<string>} */ (new Set()));
  const [pointed, setPointed] = useState(/** @type {string | null} */ (null));
  const [exam, setExam] = useState(/** @type {import('../exams/exam_chips.js').Exam | null} */ (null));
  const exams = useExams(api, patient?.orthancPatientId ?? id, version);
  useEffect(() => {
    setChosen(new Set());
    setExam(null);
  }, [id]);
  if (patient === null) {
    return problem ? html`<p class="problem" role="alert">${wordOf(problem)}</p>`
      : html`<p class="message" role="status">${word('app.loading')}</p>`;
  }
  const states = patient.studies.map((/** @type {any} */ study) => stateOf(study, patient, feed.jobs));
  /** @param {string} study @param {boolean} isChosen */
  const choose = (study, isChosen) => setChosen((before) => {
    const after = new Set(before);
    return isChosen ? after.add(study) : (after.delete(study), after);
  });
  const ofExam = new Set(exam?.studies.map((study) => study.orthancStudyId));
  /** @param {any} job */
  const stop = (job) => api.stop(job.id).then(onChange, onChange);
  /** @param {any} study @param {MouseEvent} event */
  function open(study, event) {
    if (isPlain(event)) {
      event.preventDefault();
      go({ view: 'point', study: study.orthancStudyId });
    }
  }
  const items = patient.studies.map((/** @type {any} */ study, /** @type {number} */ number) => ({
    id: study.orthancStudyId, date: study.studyDate, state: states[number],
    title: [study.studyDate || word('study.noDate'), modalitiesOf(study), word(states[number].key, states[number].values)].join(' · '),
  }));
  return html`<div class="find-patient">
    <${Heading} patient=${patient} />
    ${problem && html`<p class="problem" role="alert">${wordOf(problem)}</p>`}
    <${ExamChips} exams=${exams} chosen=${exam?.exam ?? null} onChoose=${(/** @type {any} */ one) => {
      setExam(one);
      setChosen(new Set(one?.studies.map((/** @type {any} */ study) => study.orthancStudyId)));
    }} />
    <${Actions} exam=${exam?.exam} api=${api} patient=${patient} chosen=${chosen} onChoose=${setChosen} onChange=${onChange} go=${go} />
    <${AxisStrip} items=${items} pointed=${pointed} onPoint=${setPointed}
      onChoose=${(/** @type {string} */ study) => document.getElementById(`study-${study}`)?.scrollIntoView({ block: 'nearest' })} />
    <ul class="cards" aria-label=${word('patient.studies')}>
      ${patient.studies.map((/** @type {any} */ study, /** @type {number} */ number) => (exam === null || ofExam.has(study.orthancStudyId)) && html`<${StudyCard} key=${study.orthancStudyId}
        api=${api} study=${study} number=${number + 1} state=${states[number]} interval=${since(patient.studies[0], study)}
        isChosen=${chosen.has(study.orthancStudyId)} isPointed=${pointed === study.orthancStudyId}
        onChoose=${(/** @type {boolean} */ is) => choose(study.orthancStudyId, is)} onStop=${stop}
        onPoint=${(/** @type {boolean} */ is) => setPointed(is ? study.orthancStudyId : null)}
        onOpen=${(/** @type {MouseEvent} */ event) => open(study, event)} />`)}
    </ul>
    <${PatientPlaces} api=${api} patient=${patient.orthancPatientId} version=${version} go=${go} />
    <${RadiotherapyOfPatient} api=${api} id=${patient.orthancPatientId} version=${version} />
    ${patient.total > patient.studies.length && html`<p class="quiet">${word('patient.more', { shown: patient.studies.length, total: patient.total })}</p>`}
  </div>`;
}

/** @param {{patient: any}} props */
function Heading({ patient }) {
  const id = patient.patientId.startsWith('study:') ? word('patient.noId') : patient.patientId;
  return html`<div class="patient-head"><h1>${readableName(patient.patientName) || word('patient.noName')}</h1>
    <p class="quiet">${id} · ${counted('find.studies', patient.total)}</p>
    ${patient.identityConflict && html`<p class="problem">${word('patient.identityConflict')}</p>`}</div>`;
}

/**
 * @param {object} props
 * @param {string | undefined} props.exam that limits the page that is opened
 * @param {import('../../shared/api.js').Api} props.api
 * @param {any} props.patient
 * @param {Set<string>} props.chosen
 * @param {(chosen: Set<string>) => void} props.onChoose
 * @param {() => void} props.onChange
 * @param {(address: object) => void} props.go
 */
function Actions({ exam, api, patient, chosen, onChoose, onChange, go }) {
  const [method, setMethod] = useState('rigid');
  const [told, setTold] = useState({ text: '', isBad: false });
  const all = patient.studies.map((/** @type {any} */ study) => study.orthancStudyId);
  const isEvery = chosen.size === all.length;
  const whom = chosen.size && !isEvery ? { studyInstanceUids: [...chosen] } : { patientId: patient.orthancPatientId };
  const count = chosen.size || all.length;

  /** @param {string} path @param {object} body @param {string} key */
  async function queue(path, body, key) {
    try {
      const { jobs } = await api.ask(path, { body });
      setTold({ text: jobs.length ? counted(key, jobs.length) : word('action.nothing'), isBad: false });
    } catch (error) {
      const problem = /** @type {any} */ (error);
      setTold({ text: hasWord(`action.${problem.code}`) ? word(`action.${problem.code}`) : problem.message, isBad: true });
    }
    onChange();
  }

  /** @param {MouseEvent} event */
  function opened(event) {
    if (isPlain(event)) {
      event.preventDefault();
      go({ view: 'point', patient: patient.orthancPatientId, exam });
    }
  }

  return html`<div class="find-actions">
    <a class="button main" href=${writeAddress({ patient: patient.orthancPatientId, exam })} onClick=${opened}>${word('action.open')}</a>
    <button type="button" onClick=${() => onChoose(isEvery ? new Set() : new Set(all))}>${word(isEvery ? 'action.none' : 'action.all')}</button>
    <span class="quiet">${chosen.size ? counted('action.chosen', chosen.size) : word('action.everything')}</span>
    <button type="button" onClick=${() => queue('/index', whom, 'action.indexQueued')}>${counted('action.index', count)}</button>
    <button type="button" onClick=${() => queue('/alignments', { ...whom, method }, 'action.alignQueued')}>${counted('action.align', count)}</button>
    <label>${word('action.method')} <select value=${method} onChange=${(/** @type {any} */ event) => setMethod(event.target.value)}>
      ${METHODS.map((each) => html`<option key=${each} value=${each}>${word(`method.${each}`)}</option>`)}</select></label>
    <p class=${told.isBad ? 'problem' : 'quiet'} role=${told.isBad ? 'alert' : 'status'}>${told.text}</p>
  </div>`;
}

/** A click that is not for a tab of its own. @param {MouseEvent} event */
function isPlain(event) {
  return !(event.ctrlKey || event.metaKey || event.shiftKey);
}

/** @param {any} first @param {any} study */
function since(first, study) {
  const interval = first === study ? null : intervalOf(first.studyDate, study.studyDate);
  return interval ? word(`since.${interval.unit}`, { value: interval.value }) : '';
}

/** @param {any} problem */
function wordOf(problem) {
  return problem.status === 404 ? word('patient.unknown') : word('find.noAnswer', { reason: problem.message });
}

/**
 * The patient, asked for again when a job ends, and from time to time while something is not settled.
 *
 * @param {import('../../shared/api.js').Api} api
 * @param {string} id
 * @param {import('./jobs_feed.js').Feed} feed
 * @param {number} version
 * @returns {[any, any]} null while it is not known, and what went wrong
 */
function usePatient(api, id, feed, version) {
  const [known, setKnown] = useState(/** @type {{patient: any, of: string} | null} */ (null));
  const [problem, setProblem] = useState(/** @type {any} */ (null));
  const [turn, setTurn] = useState(0);
  const shown = known?.of === id ? known.patient : null;
  const studies = useRef(/** @type {Set<string>} */ (new Set()));
  studies.current = new Set(shown?.studies.map((/** @type {any} */ study) => study.orthancStudyId));
  const work = feed.jobs.filter((job) => studies.current.has(job.subject)).map((job) => `${job.id}${job.state}`).join();
  useEffect(() => {
    const controller = new AbortController();
    const { signal } = controller;
    api.patient(id, { signal }).then(
      (patient) => {
        setKnown({ patient, of: id });
        setProblem(null);
      },
      (error) => signal.aborted || setProblem(error),
    );
    return () => controller.abort();
  }, [api, id, version, work, turn]);
  const isSettled = problem === null && shown !== null
    && shown.studies.every((/** @type {any} */ study) => study.indexed && !['queued', 'running'].includes(study.alignment));
  useEffect(() => {
    if (isSettled) {
      return undefined;
    }
    const timer = setTimeout(() => setTurn(turn + 1), SETTLING_MS);
    return () => clearTimeout(timer);
  }, [isSettled, turn]);
  return [shown, problem];
}
