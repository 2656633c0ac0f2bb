// @ts-check
/** What the buttons of a tile do: index, align, stop, refine. Each ends when another question is asked. */

import { followJob, jobOf } from './jobs.js';
import { detailOf } from './messages.js';

/** @typedef {import('./tile_model.js').TileModel} TileModel */

/** @param {TileModel} tile */
export function index(tile) {
  return work(tile, (signal) => tile.page.api.index(tile.study.orthancStudyId, { signal }));
}

/** @param {TileModel} tile with the study that was asked in */
export function align(tile) {
  const { page } = tile;
  const other = page.asked ?? page.tiles.find((one) => one !== tile);
  const studyInstanceUids = [...new Set([other ?? tile, tile])].map((one) => one.study.orthancStudyId);
  return work(tile, (signal) => page.api.align({ studyInstanceUids }, { signal }));
}

/** Work that was under way before the page was opened. @param {TileModel} tile */
export async function resume(tile) {
  const { signal } = tile.page.life;
  try {
    const job = await jobOf(tile.page.api, tile.study.orthancStudyId, signal);
    if (job !== undefined && tile.job === null) {
      await work(tile, async () => ({ jobs: [job] }));
    }
  } catch (error) {
    if (!signal.aborted) {
      tile.say({ key: 'tile.failed', values: { detail: detailOf(error) } });
    }
  }
}

/** @param {TileModel} tile */
export async function stop(tile) {
  const { signal } = tile.page.life;
  try {
    await tile.page.api.stop(tile.job.id, { signal });
  } catch (error) {
    if (!signal.aborted) {
      tile.say({ key: 'tile.failed', values: { detail: detailOf(error) } });
    }
  }
}

/**
 * Have the server do something, show how far it is, and ask again when it is done.
 *
 * @param {TileModel} tile
 * @param {(signal: AbortSignal) => Promise<any>} begin
 */
async function work(tile, begin) {
  const { page } = tile;
  const { signal } = page.life;
  tile.job = { state: 'queued', progress: 0, stage: '', secondsLeft: null };
  tile.say(null);
  try {
    const { jobs } = await begin(signal);
    let last = null;
    for (const { id } of jobs) {
      last = await followJob(page.api, id, signal, (job) => {
        tile.job = job;
        tile.changed();
      });
    }
    tile.job = null;
    if (last?.state === 'failed' || last?.state === 'cancelled') {
      tile.say({ key: `job.${last.state}`, values: { detail: last.error ?? '' } });
      return;
    }
    await page.loadPatient(page.patient.orthancPatientId, signal);
    await page.repeat();
  } catch (error) {
    if (!signal.aborted) {
      tile.job = null;
      tile.say({ key: 'tile.failed', values: { detail: detailOf(error) } });
    }
  }
}

/** Have the surroundings of the place registered in this study alone. @param {TileModel} tile */
export async function refine(tile) {
  const { page, match: before } = tile;
  const { number } = page;
  const signal = AbortSignal.any([page.life.signal, page.asking.signal]);
  tile.refinement = { state: 'running' };
  tile.changed();
  const isOver = () => signal.aborted || number !== page.number || tile.match !== before;
  try {
    const question = { ...page.question, studyInstanceUids: [tile.uid], refine: 'wait' };
    const answer = await page.api.resolve(question, { signal });
    let [result] = answer.refinement?.results ?? [];
    if (result === undefined && answer.refinement?.job) {
      const job = await followJob(page.api, answer.refinement.job, signal, () => {});
      [result] = job.result?.results ?? [];
    }
    if (!isOver()) {
      tile.showRefined(result, before);
    }
  } catch (error) {
    if (!isOver()) {
      tile.refinement = { state: 'failed', message: { key: 'refine.failed', values: { detail: detailOf(error) } } };
      tile.changed();
    }
  }
}
