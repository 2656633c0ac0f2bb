// @ts-check
/** Stored values with what they mean. */

/** @type {WeakMap<object, import('../render/sample.js').Frame>} by stored values: each belong to one plane */
const FRAMES = new WeakMap();

/**
 * @param {import('../render/npy.js').Pixels} pixels
 * @param {{slope: number, intercept: number, padding: readonly [number, number] | null, bitsStored?: number | null,
 *   isSigned?: boolean}} meaning
 */
export function frameOf(pixels, { slope, intercept, padding, bitsStored = null, isSigned = false }) {
  let frame = FRAMES.get(pixels.data);
  if (frame === undefined) {
    const data = pixels.samples === 1 && bitsStored !== null ? ownBits(pixels.data, bitsStored, isSigned) : pixels.data;
    frame = { data, rows: pixels.rows, columns: pixels.columns, samples: pixels.samples, slope, intercept, padding };
    FRAMES.set(pixels.data, /** @type {any} */ (frame));
  }
  return /** @type {import('../render/sample.js').Frame} */ (frame);
}

/**
 * Only the low bits are the value's own, two's complement where it is signed (PS3.5 8.1.1); Orthanc sends the words as they
 * are stored, with what an old overlay left above, and without the sign extended. Changed where they are.
 *
 * @param {import('../render/npy.js').Values} data
 * @param {number} bitsStored
 * @param {boolean} isSigned
 * @returns {import('../render/npy.js').Values}
 */
export function ownBits(data, bitsStored, isSigned) {
  if (data instanceof Float32Array || data instanceof Float64Array || !(bitsStored >= 1)) {
    return data;
  }
  const [Signed, Unsigned] = /** @type {any} */ (TYPES)[data.BYTES_PER_ELEMENT];
  const words = new (isSigned ? Signed : Unsigned)(data.buffer, data.byteOffset, data.length);
  if (bitsStored >= 8 * data.BYTES_PER_ELEMENT) {
    return words;
  }
  const above = 32 - bitsStored;
  for (let at = 0; at < words.length; at += 1) {
    words[at] = isSigned ? (words[at] << above) >> above : (words[at] << above) >>> above;
  }
  return words;
}

/** By bytes. */
const TYPES = { 1: [Int8Array, Uint8Array], 2: [Int16Array, Uint16Array], 4: [Int32Array, Uint32Array] };
