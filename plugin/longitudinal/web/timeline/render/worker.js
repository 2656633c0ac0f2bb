// @ts-check
/** Draws large pictures beside the page; keeps the frames it was given, up to a number of bytes. */

import { ByteCache } from './lru.js';
import { fitting } from './reduced.js';
import { sampleInto } from './sample.js';

/** @type {ByteCache<import('./sample.js').Frame>} */
const frames = new ByteCache(256 * 2 ** 20);

addEventListener('message', ({ data: { id, key, frame, matrix, window, width, height } }) => {
  if (frame !== undefined) {
    frames.set(key, frame, frame.data.byteLength);
  }
  const known = frames.get(key);
  if (known === undefined) {
    postMessage({ id, isMissing: true });
    return;
  }
  const fitted = fitting(known, matrix);
  const pixels = new Uint8ClampedArray(width * height * 4);
  sampleInto(pixels, width, height, [fitted.frame], fitted.matrix, window);
  postMessage({ id, pixels, width, reduction: fitted.reduction }, /** @type {any} */ ([pixels.buffer]));
});
