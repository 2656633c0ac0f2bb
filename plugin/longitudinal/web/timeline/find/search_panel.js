// @ts-check
/** Patients by name, id or date. */

import { html, useEffect, useRef, useState } from '../../shared/html.js';
import { counted, word } from '../../shared/words.js';
import { readableName } from './person_name.js';
import { readDays } from './query.js';

const PAGE = 50;
const TYPING_MS = 250;

/**
 * @param {object} props
 * @param {import('../../shared/api.js').Api} props.api
 * @param {string | undefined} props.chosen Orthanc id or PatientID of the patient who is shown
 * @param {string} props.text
 * @param {(text: string) => void} props.onText
 * @param {(patient: string) => void} props.onOpen
 * @param {number} props.version grows when the archive has changed
 */
export function SearchPanel({ api, chosen, text, onText, onOpen, version }) {
  const [limit, setLimit] = useState(PAGE);
  const [found, setFound] = useState(/** @type {{patients: any[], total: number} | null} */ (null));
  const [problem, setProblem] = useState('');
  const isFirst = useRef(true);

  useEffect(() => {
    const controller = new AbortController();
    const timer = setTimeout(() => {
      find(api, text, limit, controller.signal).then(
        (answer) => {
          setFound(answer);
          setProblem('');
        },
        (error) => controller.signal.aborted || setProblem(error.message),
      );
    }, isFirst.current ? 0 : TYPING_MS);
    isFirst.current = false;
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [api, text, limit, version]);

  /** @param {any} event */
  function typed(event) {
    setLimit(PAGE);
    onText(event.target.value);
  }

  return html`<section class="search" aria-labelledby="search-title">
    <h2 id="search-title">${word('find.title')}</h2>
    <form role="search" onSubmit=${(/** @type {Event} */ event) => event.preventDefault()}>
      <label for="search-text" class="quiet">${word('find.label')}</label>
      <input id="search-text" type="search" value=${text} onInput=${typed} autocomplete="off" spellcheck="false" maxlength="200" />
    </form>
    ${problem && html`<p class="problem" role="alert">${word('find.noAnswer', { reason: problem })}</p>`}
    <p class="quiet" role="status">${found === null ? word('app.loading') : told(found, text)}</p>
    <ul class="patients">
      ${(found?.patients ?? []).map((patient) => html`<${Line} key=${patient.orthancPatientId} patient=${patient}
        isChosen=${chosen === patient.orthancPatientId || chosen === patient.patientId} onOpen=${onOpen} />`)}
    </ul>
    ${found && found.patients.length < found.total
      && html`<button type="button" onClick=${() => setLimit(limit + 4 * PAGE)}>${word('find.more')}</button>`}
  </section>`;
}

/** @param {{patient: any, isChosen: boolean, onOpen: (patient: string) => void}} props */
function Line({ patient, isChosen, onOpen }) {
  const id = patient.patientId.startsWith('study:') ? word('patient.noId') : patient.patientId;
  /** @param {MouseEvent} event */
  function clicked(event) {
    if (!(event.ctrlKey || event.metaKey || event.shiftKey)) {
      event.preventDefault();
      onOpen(patient.orthancPatientId);
    }
  }
  return html`<li><a class="patient-line" href=${`?view=find&patient=${encodeURIComponent(patient.orthancPatientId)}`}
    aria-current=${isChosen ? 'true' : undefined} onClick=${clicked}>
    <span class="name">${readableName(patient.patientName) || word('patient.noName')}</span>
    <span class="quiet">${id}</span>
    <span class="quiet">${counted('find.studies', patient.studies)}${patient.latestStudyDate ? ` · ${word('find.latest', { date: patient.latestStudyDate })}` : ''}</span>
  </a></li>`;
}

/** @param {{patients: any[], total: number}} found @param {string} text */
function told(found, text) {
  if (found.total) {
    return counted('find.patients', found.total);
  }
  return text ? word('find.nobody', { text }) : word('find.empty');
}

/**
 * Those whose name or id has the text, and those with a study on the day that the text names.
 *
 * @param {import('../../shared/api.js').Api} api
 * @param {string} text
 * @param {number} limit
 * @param {AbortSignal} signal
 */
async function find(api, text, limit, signal) {
  const days = readDays(text);
  const ask = (/** @type {Record<string, string>} */ query) => api.ask(
    `/patients?${new URLSearchParams({ ...query, limit: String(Math.min(limit, 1000)) })}`, { signal },
  );
  const [named, dated] = await Promise.all([ask({ query: text.trim() }), days ? ask({ ...days }) : null]);
  if (!dated) {
    return named;
  }
  const ids = new Set(named.patients.map((/** @type {any} */ patient) => patient.orthancPatientId));
  const others = dated.patients.filter((/** @type {any} */ patient) => !ids.has(patient.orthancPatientId));
  return { patients: [...named.patients, ...others], total: named.total + dated.total - (dated.patients.length - others.length) };
}
