// @ts-check
/** Waiting, and trying again for as long as what is wrong may pass. */

import { Problem } from './api.js';
import { pause } from './pause.js';

export { pause };

/**
 * @template T
 * @param {() => Promise<T>} attempt
 * @param {AbortSignal} signal
 * @param {(problem: Problem) => void} onWait told before each wait
 * @param {number} [waitMs]
 * @returns {Promise<T>}
 * @throws what does not pass, and the signal's AbortError
 */
export async function persistently(attempt, signal, onWait, waitMs = 1000) {
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (signal.aborted || !(error instanceof Problem) || !error.mayPass) {
        throw error;
      }
      onWait(error);
      await pause(Math.max(waitMs, 1000 * error.retryAfter), signal);
    }
  }
}
