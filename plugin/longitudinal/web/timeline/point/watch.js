// @ts-check
/** Whether what is shown still holds: a transform can be deleted or rejected while its places are on the screen. */

import { Problem } from '../../shared/api.js';
import { pause } from '../../shared/retry.js';

const LOOK_MS = 5000;

/**
 * What is watched: the timeline page, or OHIF's panel.
 *
 * @typedef {object} Watched
 * @property {Pick<import('../../shared/api.js').Api, 'ask'>} api
 * @property {readonly {match: any, isVisible: boolean, isWithdrawn: boolean, withdraw: () => void}[]} tiles
 * @property {{maps: {paths: ReadonlySet<string>}, withdraw: () => void} | null} compare what else came of transforms, if anything can
 * @property {(message: {key: string, values?: any}) => void} say
 */

/** @param {Watched} page @param {AbortSignal} signal */
export async function watchTransforms(page, signal) {
  try {
    for (;;) {
      await pause(LOOK_MS, signal);
      if (!document.hidden) {
        await lookOnce(page, signal);
      }
    }
  } catch (error) {
    if (!signal.aborted) {
      page.say({ key: 'page.failed', values: { detail: String(error) } });
    }
  }
}

/** @param {Watched} page @param {AbortSignal} signal */
export async function lookOnce(page, signal) {
  const shown = page.tiles.filter((tile) => tile.isVisible && tile.match !== null && !tile.isWithdrawn);
  const { compare } = page;
  const paths = compare?.maps.paths ?? new Set();
  const ids = new Set([...shown.flatMap((tile) => tile.match.path), ...paths]);
  const gone = new Set();
  for (const id of ids) {
    try {
      const transform = await page.api.ask(`/transforms/${encodeURIComponent(id)}`, { signal });
      if (transform.state !== 'usable') {
        gone.add(id);
      }
    } catch (error) {
      if (signal.aborted || !(error instanceof Problem)) {
        throw error;
      }
      if (error.status === 404) {
        gone.add(id);
      } // anything else may pass: what is not known is not said
    }
  }
  if ([...paths].some((id) => gone.has(id))) {
    compare?.withdraw();
  }
  for (const tile of shown) {
    if (tile.match?.path.some((/** @type {string} */ id) => gone.has(id))) {
      tile.withdraw();
    }
  }
}
