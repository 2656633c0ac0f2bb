// @ts-check
/**
 * Smaller versions of a frame, by means of two by two pixels: where a canvas pixel covers many of the image's, picking one
 * of them would show noise, or miss a small thing. Made of rescaled values, padding left out.
 */

/** @typedef {import('./sample.js').Frame} Frame */

const FULL = 2; // a canvas pixel may cover so many columns before means are taken
const LIMIT = 2 ** 20;

/** @type {WeakMap<Frame, Frame>} */
const HALVES = new WeakMap();

/**
 * The frame to sample, and the matrix that goes with it.
 *
 * @param {Frame} frame
 * @param {import('./sample.js').VoxelFromCanvas} matrix
 * @returns {{frame: Frame, matrix: readonly number[], reduction: number}} `reduction` 1 is the frame itself
 */
export function fitting(frame, matrix) {
  let [found, fitted, reduction] = [frame, [...matrix], 1];
  while (stepOf(fitted) > FULL && found.rows * found.columns > LIMIT / 16 && found.samples === 1) {
    found = halved(found);
    fitted = fitted.map((value, at) => (at < 6 ? value / 2 : value));
    fitted[2] -= 0.25; // centre of the first pixel: (0 + 0.5) / 2 - 0.5
    fitted[5] -= 0.25;
    reduction *= 2;
  }
  return { frame: found, matrix: fitted, reduction };
}

/** @param {readonly number[]} matrix how many pixels of the image one of the canvas covers, in the finer direction */
function stepOf([ci, cj, , ri, rj]) {
  return Math.min(Math.hypot(ci, ri), Math.hypot(cj, rj));
}

/** @param {Frame} frame @returns {Frame} half as wide and high, rescaled; NaN stands for padding */
function halved(frame) {
  const known = HALVES.get(frame);
  if (known !== undefined) {
    return known;
  }
  const { data, slope, intercept } = frame;
  const [low, high] = frame.padding ?? [NaN, NaN];
  const rows = Math.ceil(frame.rows / 2);
  const columns = Math.ceil(frame.columns / 2);
  const means = new Float32Array(rows * columns);
  for (let row = 0, at = 0; row < rows; row += 1) {
    const top = 2 * row * frame.columns;
    const bottom = 2 * row + 1 < frame.rows ? top + frame.columns : top;
    for (let column = 0; column < columns; column += 1, at += 1) {
      const left = 2 * column;
      const right = left + 1 < frame.columns ? left + 1 : left;
      let sum = 0;
      let count = 0;
      for (const value of [data[top + left], data[top + right], data[bottom + left], data[bottom + right]]) {
        if (!(value >= low && value <= high) && value === value) {
          sum += value;
          count += 1;
        }
      }
      means[at] = count === 0 ? NaN : (sum / count) * slope + intercept;
    }
  }
  const half = { data: means, rows, columns, samples: 1, slope: 1, intercept: 0, padding: null };
  HALVES.set(frame, half);
  return half;
}
