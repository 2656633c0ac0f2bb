// @ts-check
/** One study in colour over another one in grey. Pure: no DOM. */

import { greyFunction } from '../render/voi.js';

/** @typedef {import('../render/sample.js').Window} Window */

/** Red, green and blue of the darkest, of steps between, and of the brightest value. @type {Readonly<Record<string, readonly (readonly number[])[]>>} */
const STEPS = Object.freeze({
  hot: [[0, 0, 0], [170, 0, 0], [255, 120, 0], [255, 220, 60], [255, 255, 255]],
  cool: [[0, 0, 0], [0, 50, 160], [0, 150, 220], [90, 225, 230], [255, 255, 255]],
  green: [[0, 0, 0], [0, 130, 40], [70, 220, 90], [200, 255, 200], [255, 255, 255]],
});
export const COLOURS = /** @type {readonly string[]} */ (Object.freeze(Object.keys(STEPS)));

/** @type {Map<string, Uint8ClampedArray>} */
const TABLES = new Map();

/** Three numbers for each of 256 levels. @param {string} colours of COLOURS @returns {Uint8ClampedArray} */
export function tableOf(colours) {
  let table = TABLES.get(colours);
  if (table === undefined) {
    const steps = STEPS[colours] ?? STEPS.hot;
    table = new Uint8ClampedArray(3 * 256);
    for (let level = 0; level < 256; level += 1) {
      const at = (level / 255) * (steps.length - 1);
      const low = Math.min(Math.floor(at), steps.length - 2);
      for (let part = 0; part < 3; part += 1) {
        table[3 * level + part] = steps[low][part] * (1 - (at - low)) + steps[low + 1][part] * (at - low);
      }
    }
    TABLES.set(colours, table);
  }
  return table;
}

/**
 * The first study in colour over the second in grey. Where the first has no value (its transform or its images do not reach so
 * far) the second is seen as it is, and where the second has none, what there is of the first.
 *
 * @param {Uint32Array} pixels
 * @param {Float32Array} first NaN where there is nothing
 * @param {Float32Array} second
 * @param {readonly Window[]} windows of both
 * @param {{share: number, colours: string}} how `share`: of the first, 0 to 1
 */
export function fuseInto(pixels, first, second, windows, { share, colours }) {
  const [over, under] = windows.map(greyFunction);
  const table = tableOf(colours);
  const level = new Uint8ClampedArray(2);
  const mixed = new Uint8ClampedArray(3);
  for (let at = 0; at < pixels.length; at += 1) {
    level[0] = over(first[at]);
    level[1] = under(second[at]); // NaN becomes 0
    const part = first[at] === first[at] ? share : 0;
    const grey = (1 - part) * level[1];
    for (let channel = 0; channel < 3; channel += 1) {
      mixed[channel] = grey + part * table[3 * level[0] + channel];
    }
    pixels[at] = (0xff000000 | (mixed[2] << 16) | (mixed[1] << 8) | mixed[0]) >>> 0;
  }
}
