// @ts-check
/** The question and its answer: what the panel shows, whatever draws it. */

import { Observable } from '../../web/shared/observable.js';
import { hasWord, word } from '../../web/shared/words.js';
import { dayOf } from '../../web/timeline/point/dates.js';
import { followJob } from '../../web/timeline/point/jobs.js';
import { questionMessage } from '../../web/timeline/point/messages.js';

/**
 * @typedef {object} Row a study in the panel
 * @property {string} study StudyInstanceUID
 * @property {any} match null where there is none
 * @property {any} unresolved null where there is a match
 * @property {boolean} isWithdrawn whether the match does not hold any more
 * @property {any} job that runs for it, or null
 * @property {string} message of its last job
 */

/** Reasons that a button, and so a job, helps against. */
const HELPED = ['notIndexed', 'needsAlignment', 'alignmentFailed'];

/** Time as it is listed: unknown last. @param {any} entry */
function timeOf(entry) {
  return entry.acquisitionDateTime || entry.studyDate || '9999';
}

/** Matches and what has none in one list, in time order. @param {any} answer @returns {Row[]} */
export function rowsOf({ matches, unresolved }) {
  const of = (/** @type {any} */ entry, /** @type {object} */ what) => (
    { study: entry.studyInstanceUid, match: null, unresolved: null, isWithdrawn: false, job: null, message: '', ...what });
  return [
    ...matches.map((/** @type {any} */ match) => of(match, { match })),
    ...unresolved.map((/** @type {any} */ one) => of(one, { unresolved: one })),
  ].sort((one, other) => {
    const [a, b] = [timeOf(one.match ?? one.unresolved), timeOf(other.match ?? other.unresolved)];
    // an unresolved study has a date only: it must not come before an earlier hour of the same day
    return a.slice(0, 10).localeCompare(b.slice(0, 10)) || (a.length > 10 && b.length > 10 ? a.localeCompare(b) : 0);
  });
}

/** What was clicked, as the panel and the marks need it. @typedef {{body: any, study: string, frame: string, point: number[], viewportId: string}} Asked */

export class Question extends Observable {
  /** @param {import('../../web/shared/api.js').Api} api @param {AbortSignal} life */
  constructor(api, life) {
    super();
    this.api = api;
    this.life = life;
    /** @type {Asked | null} */
    this.asked = null;
    /** @type {any} */
    this.answer = null;
    /** @type {Row[]} */
    this.rows = [];
    this.message = '';
    this.number = 0;
    /** Called with each new answer. */
    this.onAnswer = () => {};
    this.resolveMs = 0;
  }

  /** The day of the study that was asked in. */
  get day() {
    const source = this.rows.find(({ match }) => match?.isSource)?.match;
    return source ? dayOf(source) : null;
  }

  /** @param {Asked} asked @returns {Promise<boolean>} whether there is an answer to this very question */
  async ask(asked) {
    this.number += 1;
    const { number } = this;
    Object.assign(this, { asked, answer: null, rows: [], message: '' });
    this.changed();
    return this.repeat(number);
  }

  async repeat(number = this.number) {
    const begun = performance.now();
    try {
      const answer = await this.api.resolve(this.asked?.body, { signal: this.life });
      if (number !== this.number) {
        return false;
      }
      this.resolveMs = performance.now() - begun;
      this.accept(answer);
      return true;
    } catch (error) {
      this.fail(error, number);
      return false;
    }
  }

  /** An answer that was given already, such as that of a kept place. @param {Asked} asked @param {any} answer */
  take(asked, answer) {
    this.number += 1;
    Object.assign(this, { asked, rows: [] });
    this.accept(answer);
  }

  /** @param {any} answer */
  accept(answer) {
    const { study, frame } = /** @type {Asked} */ (this.asked);
    // a point of a cut was clicked in no image, and so in no match
    for (const match of answer.matches) {
      match.isSource ||= match.studyInstanceUid === study && match.frameOfReferenceUid === frame;
    }
    Object.assign(this, { answer, rows: withJobs(rowsOf(answer), this.rows), message: '' });
    this.onAnswer();
    this.changed();
    this.resume().catch((error) => this.fail(error));
  }

  /** A transform that led there was deleted or rejected. @param {Row} row */
  withdraw(row) {
    row.isWithdrawn = true;
    this.changed();
  }

  /** @param {unknown} error @param {number} [number] */
  fail(error, number = this.number) {
    if (this.life.aborted || number !== this.number) {
      return;
    }
    if (error instanceof Error && 'what' in error && hasWord(String(error.what))) {
      this.message = word(String(error.what));
    } else {
      const { key, values } = questionMessage(error);
      this.message = word(key, values);
    }
    this.changed();
  }

  /** @param {Row} row */
  index(row) {
    return this.work(row, () => this.api.index(row.study, { signal: this.life }));
  }

  /** With the study that was asked in. @param {Row} row */
  align(row) {
    const studyInstanceUids = [...new Set([this.asked?.study, row.study])];
    return this.work(row, () => this.api.align({ studyInstanceUids }, { signal: this.life }));
  }

  /** @param {Row} row */
  async stop(row) {
    try {
      await this.api.stop(row.job.id, { signal: this.life });
    } catch (error) {
      this.failRow(row, error);
    }
  }

  /** Jobs of these studies that were begun elsewhere, such as on arrival: three requests, however many studies wait. */
  async resume() {
    const { number } = this;
    const waiting = this.rows.filter(({ unresolved, job, message }) => HELPED.includes(unresolved?.reason) && job === null && message === '');
    if (waiting.length === 0) {
      return;
    }
    const { studies } = await this.api.patient(this.answer.point.patientId, { signal: this.life });
    const ids = new Map(studies.map((/** @type {any} */ study) => [study.studyInstanceUid, study.orthancStudyId]));
    for (const state of ['running', 'queued']) {
      const { jobs } = await this.api.ask(`/jobs?state=${state}&limit=1000`, { signal: this.life });
      for (const row of waiting) {
        const job = jobs.find((/** @type {any} */ one) => one.subject === ids.get(row.study) && one.kind !== 'refine');
        if (job !== undefined && row.job === null && number === this.number) {
          this.work(row, async () => ({ jobs: [job] }));
        }
      }
    }
  }

  /** @param {Row} row @param {unknown} error */
  failRow(row, error) {
    if (!this.life.aborted) {
      Object.assign(row, { job: null, message: word('job.failed', { detail: error instanceof Error ? error.message : String(error) }) });
      this.changed();
    }
  }

  /** Have the server do something, show how far it is, and ask again when it is done. @param {Row} row @param {() => Promise<any>} begin */
  async work(row, begin) {
    Object.assign(row, { job: { state: 'queued', progress: 0, stage: '', secondsLeft: null }, message: '' });
    this.changed();
    try {
      const { jobs } = await begin();
      let last = null;
      for (const { id } of jobs) {
        last = await followJob(this.api, id, this.life, (job) => {
          row.job = job;
          this.changed();
        });
      }
      row.job = null;
      if (last?.state === 'failed' || last?.state === 'cancelled') {
        row.message = word(`job.${last.state}`, { detail: last.error ?? '' });
        this.changed();
        return;
      }
      await this.repeat();
    } catch (error) {
      this.failRow(row, error);
    }
  }
}

/** Jobs that run go on being shown when the question is asked again. @param {Row[]} rows @param {Row[]} before @returns {Row[]} */
function withJobs(rows, before) {
  return rows.map((row) => {
    const known = before.find(({ study, job }) => study === row.study && job !== null);
    return known && row.match === null ? Object.assign(known, { unresolved: row.unresolved }) : row;
  });
}
