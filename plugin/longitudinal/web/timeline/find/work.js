// @ts-check
/** What the server works on: a bar a job, its stage, the time left, and Stop. */

import { html, useEffect, useRef, useState } from '../../shared/html.js';
import { counted, hasWord, word } from '../../shared/words.js';
import { modalitiesOf } from './modalities.js';
import { percentOf } from './study_state.js';

const MOST_QUEUED = 8;
const MOST_FINISHED = 5;
const KINDS = new Set(['index', 'align']);
const ACTIVE = new Set(['queued', 'running']);

/**
 * @param {object} props
 * @param {import('../../shared/api.js').Api} props.api
 * @param {import('./jobs_feed.js').Feed} props.feed
 * @param {() => void} props.onChange a job was stopped or started again
 */
export function Work({ api, feed, onChange }) {
  const [problem, setProblem] = useState('');
  const jobs = feed.jobs.filter((job) => KINDS.has(job.kind));
  const running = jobs.filter((job) => job.state === 'running');
  const queued = jobs.filter((job) => job.state === 'queued');
  const finished = jobs.filter((job) => !ACTIVE.has(job.state)).slice(0, MOST_FINISHED);
  const shown = [...running, ...queued.slice(-MOST_QUEUED).reverse(), ...finished];
  const names = useNames(api, shown);
  const more = feed.queued - Math.min(queued.length, MOST_QUEUED);

  /** @param {Promise<any>} change */
  async function make(change) {
    setProblem('');
    try {
      await change;
    } catch (error) {
      setProblem(/** @type {Error} */ (error).message);
    }
    onChange();
  }

  return html`<section class="work" aria-labelledby="work-title">
    <h2 id="work-title">${word('work.title')}</h2>
    ${feed.error && html`<p class="problem" role="alert">${word('work.noAnswer', { reason: feed.error.message })}</p>`}
    ${problem && html`<p class="problem" role="alert">${problem}</p>`}
    ${feed.isKnown && !shown.length && html`<p class="quiet">${word('work.none')}</p>`}
    <ul class="jobs">
      ${shown.map((job) => html`<${Job} key=${job.id} job=${job} name=${names.get(job.subject) ?? ''}
        onStop=${() => make(api.stop(job.id))}
        onRetry=${() => make(api.ask(`/jobs/${job.id}/retry`, { method: 'POST' }))} />`)}
    </ul>
    ${more > 0 && html`<p class="quiet">${counted('work.moreQueued', more)}</p>`}
  </section>`;
}

/** @param {{job: any, name: string, onStop: () => void, onRetry: () => void}} props */
function Job({ job, name, onStop, onRetry }) {
  const title = `${word(`work.kind.${job.kind}`)} · ${name || word('work.someStudy')}`;
  const result = outcomeOf(job);
  return html`<li class="job" data-job=${job.id} data-state=${job.state}>
    <p class="job-title">${title}</p>
    ${ACTIVE.has(job.state)
      ? html`<progress max="1" value=${job.state === 'running' ? job.progress : 0} aria-label=${title}></progress>
        <p class="job-line"><span>${stageOf(job)}</span><span>${timeLeft(job.secondsLeft)}</span>
          <button type="button" onClick=${onStop} aria-label=${word('work.stopThis', { title })}>${word('work.stop')}</button></p>`
      : html`<p class="job-line"><span class=${result.isBad ? 'problem' : 'quiet'}>${result.text}</span>
        ${(job.state === 'failed' || job.state === 'cancelled')
          && html`<button type="button" onClick=${onRetry} aria-label=${word('work.retryThis', { title })}>${word('work.retry')}</button>`}</p>`}
  </li>`;
}

/** @param {any} job */
function stageOf(job) {
  if (job.state === 'queued') {
    return word('work.waits');
  }
  const stage = hasWord(`work.stage.${job.stage}`) ? word(`work.stage.${job.stage}`) : job.stage;
  return word('work.running', { percent: percentOf(job), stage });
}

/** @param {number | null} seconds */
export function timeLeft(seconds) {
  if (seconds === null) {
    return '';
  }
  return seconds < 60 ? word('work.secondsLeft', { seconds: Math.ceil(seconds) })
    : word('work.minutesLeft', { minutes: Math.round(seconds / 60) });
}

/**
 * A job that is done may have aligned nothing: its result says so.
 *
 * @param {any} job
 */
function outcomeOf(job) {
  if (job.state === 'done' && job.kind === 'align') {
    const outcome = job.result?.outcome ?? 'aligned';
    const why = (job.result?.pairs ?? []).map((/** @type {any} */ pair) => pair.reason).filter(Boolean)[0] ?? '';
    return { text: word(`work.outcome.${outcome}`, { why }), isBad: outcome === 'failed' || outcome === 'identityConflict' };
  }
  return { text: word(`work.state.${job.state}`, { why: job.error ?? '' }), isBad: job.state === 'failed' };
}

/**
 * What to call the studies of jobs, asked for once each.
 *
 * @param {import('../../shared/api.js').Api} api
 * @param {any[]} jobs
 */
function useNames(api, jobs) {
  const [names, setNames] = useState(() => /** @type {Map<string, string>} */ (new Map()));
  const wanted = [...new Set(jobs.map((job) => job.subject))].filter((subject) => !names.has(subject));
  const isThere = useRef(true);
  useEffect(() => () => {
    isThere.current = false;
  }, []);
  useEffect(() => { // of a later list of jobs, the answers to earlier questions count too
    for (const subject of wanted) {
      names.set(subject, '');
      api.study(subject).then(
        (study) => isThere.current && setNames((known) => new Map(known).set(subject, nameOf(study))),
        () => {}, // gone meanwhile: it stays without a name
      );
    }
  }, [wanted.join()]);
  return names;
}

/** @param {any} study */
function nameOf(study) {
  const patient = study.patientId.startsWith('study:') ? '' : study.patientId;
  return [patient, study.studyDate || word('study.noDate'), modalitiesOf(study)].filter(Boolean).join(' · ');
}
