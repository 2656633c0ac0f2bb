// @ts-check
/** Stored values with what they mean. */

/** @type {WeakMap<object, import('../render/sample.js').Frame>} by stored values: each belong to one plane */
const FRAMES = new WeakMap();

/** @param {import('../render/npy.js').Pixels} pixels @param {any} meaning slope, intercept, padding */
export function frameOf(pixels, meaning) {
  let frame = FRAMES.get(pixels.data);
  if (frame === undefined) {
    frame = { data: pixels.data, rows: pixels.rows, columns: pixels.columns, samples: pixels.samples, ...meaning };
    FRAMES.set(pixels.data, /** @type {any} */ (frame));
  }
  return /** @type {import('../render/sample.js').Frame} */ (frame);
}
