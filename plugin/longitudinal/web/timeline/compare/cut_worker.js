// @ts-check
/** Cuts stacks beside the page; keeps the frames it was given last, up to a number of bytes. */

import { ByteCache } from '../render/lru.js';
import { CutStack, cutInto } from './cut.js';

/** @type {ByteCache<import('../render/sample.js').Frame>} */
const kept = new ByteCache(96 * 2 ** 20);

addEventListener('message', ({ data: { id, planes, endMm, keys, given, place, width, height } }) => {
  const start = performance.now();
  const frames = keys.map((/** @type {string | null} */ key) => (key === null ? undefined : given[key] ?? kept.get(key)));
  const missing = keys.filter((/** @type {string | null} */ key, /** @type {number} */ at) => key !== null && frames[at] === undefined);
  Object.entries(given).forEach(([key, frame]) => kept.set(key, frame, frame.data.byteLength));
  if (missing.length > 0) {
    postMessage({ id, missing });
    return;
  }
  const values = new Float32Array(width * height);
  cutInto(values, width, height, new CutStack(planes, endMm), frames, place);
  postMessage({ id, values, ms: performance.now() - start }, /** @type {any} */ ([values.buffer]));
});
