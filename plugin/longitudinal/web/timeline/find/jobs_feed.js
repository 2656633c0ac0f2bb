// @ts-check
/** The server's jobs, asked for again and again: nothing is kept in the page, so a reload shows the same. */

import { useEffect, useRef, useState } from '../../shared/html.js';

const BUSY_MS = 1000;
const IDLE_MS = 5000;
const MOST = 100;

/** @typedef {{jobs: any[], queued: number, running: number, error: any | null, isKnown: boolean}} Feed `jobs` the newest first */

/**
 * @param {import('../../shared/api.js').Api} api
 * @returns {[Feed, () => void]} what is known, and a way to ask at once
 */
export function useJobs(api) {
  const [feed, setFeed] = useState(/** @type {Feed} */ ({ jobs: [], queued: 0, running: 0, error: null, isKnown: false }));
  const wake = useRef(() => {});
  useEffect(() => {
    const controller = new AbortController();
    follow(api, controller.signal, setFeed, wake);
    return () => controller.abort();
  }, [api]);
  return [feed, () => wake.current()];
}

/**
 * @param {import('../../shared/api.js').Api} api
 * @param {AbortSignal} signal
 * @param {(change: (feed: Feed) => Feed) => void} tell
 * @param {{current: () => void}} wake
 */
async function follow(api, signal, tell, wake) {
  while (!signal.aborted) {
    let wait = IDLE_MS;
    try {
      const found = await read(api, signal);
      wait = found.queued + found.running && !document.hidden ? BUSY_MS : IDLE_MS;
      tell(() => ({ ...found, error: null, isKnown: true }));
    } catch (error) {
      if (signal.aborted) {
        return;
      }
      tell((feed) => ({ ...feed, error }));
    }
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, wait);
      wake.current = () => {
        clearTimeout(timer);
        resolve(undefined);
      };
      signal.addEventListener('abort', wake.current, { once: true });
    });
  }
}

/**
 * The newest, and those that run, however old they are.
 *
 * @param {import('../../shared/api.js').Api} api
 * @param {AbortSignal} signal
 */
async function read(api, signal) {
  const newest = await api.ask(`/jobs?limit=${MOST}`, { signal });
  const seen = newest.jobs.filter((/** @type {any} */ job) => job.state === 'running').length;
  if (seen >= newest.running) {
    return newest;
  }
  const { jobs } = await api.ask(`/jobs?state=running&limit=${MOST}`, { signal });
  const ids = new Set(newest.jobs.map((/** @type {any} */ job) => job.id));
  return { ...newest, jobs: [...newest.jobs, ...jobs.filter((/** @type {any} */ job) => !ids.has(job.id))] };
}
