// @ts-check
/** A job of the server, followed until it is over. */

import { pause, persistently } from '../../shared/retry.js';

const POLL_MS = 700;
const OVER = ['done', 'failed', 'cancelled'];

/**
 * @param {import('../../shared/api.js').Api} api
 * @param {string} id
 * @param {AbortSignal} signal
 * @param {(job: any) => void} onChange
 * @returns {Promise<any>} the job as it ended
 */
export async function followJob(api, id, signal, onChange) {
  for (;;) {
    const job = await persistently(() => api.job(id, { signal }), signal, () => {});
    if (OVER.includes(job.state)) {
      return job;
    }
    onChange(job);
    await pause(POLL_MS, signal);
  }
}

const SHARED_MS = 1000; // the tiles of a page ask at the same time

/** @type {WeakMap<AbortSignal, Promise<any[]>>} */
const UNDER_WAY = new WeakMap();

/**
 * A job of a study that is under way already, such as one that was started before the page was loaded again.
 *
 * @param {import('../../shared/api.js').Api} api
 * @param {string} orthancStudyId
 * @param {AbortSignal} signal of the page: all its studies are asked for at once
 * @returns {Promise<any>} undefined where there is none
 */
export async function jobOf(api, orthancStudyId, signal) {
  let asked = UNDER_WAY.get(signal);
  if (asked === undefined) {
    asked = jobsUnderWay(api, signal);
    UNDER_WAY.set(signal, asked);
    setTimeout(() => UNDER_WAY.delete(signal), SHARED_MS);
  }
  return (await asked).find((job) => job.subject === orthancStudyId && job.kind !== 'refine');
}

/** @param {import('../../shared/api.js').Api} api @param {AbortSignal} signal @returns {Promise<any[]>} those that run first */
async function jobsUnderWay(api, signal) {
  const answers = await Promise.all(['running', 'queued'].map((state) => api.ask(`/jobs?state=${state}&limit=1000`, { signal })));
  return answers.flatMap(({ jobs }) => jobs);
}
