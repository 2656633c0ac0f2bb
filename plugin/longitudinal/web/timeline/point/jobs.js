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

/**
 * A job of a study that is under way already, such as one that was started before the page was loaded again.
 *
 * @param {import('../../shared/api.js').Api} api
 * @param {string} orthancStudyId
 * @param {AbortSignal} signal
 * @returns {Promise<any>} undefined where there is none
 */
export async function jobOf(api, orthancStudyId, signal) {
  for (const state of ['running', 'queued']) {
    const { jobs } = await api.ask(`/jobs?state=${state}&limit=1000`, { signal });
    const found = jobs.find((/** @type {any} */ job) => job.subject === orthancStudyId && job.kind !== 'refine');
    if (found !== undefined) {
      return found;
    }
  }
  return undefined;
}
