// @ts-check
/**
 * The one function that makes pictures: stored values, rescaled, interpolated, and the window last (PS3.3 C.7.6.3, C.11.2).
 *
 * A native slice, zoom, pan, equal scale and an oblique cut are the same call with another matrix. Pure: no DOM, so that a
 * worker and Node run it too, and a WebGL2 renderer can stand in its place.
 */

import { greyOf, sigmoid } from './voi.js';

/**
 * @typedef {object} Frame
 * @property {import('./npy.js').Values} data stored values
 * @property {number} rows
 * @property {number} columns
 * @property {number} samples 1, or 3 for colour, which is shown as it is
 * @property {number} slope
 * @property {number} intercept value = stored * slope + intercept
 * @property {readonly [number, number] | null} padding stored values from the one to the other are no part of the picture
 *
 * @typedef {object} Window
 * @property {number} center
 * @property {number} width
 * @property {'SIGMOID' | 'LINEAR_EXACT'} [voi] the function, where it is not LINEAR
 * @property {boolean} isInverted low values are bright (MONOCHROME1, or as the user wishes)
 *
 * @typedef {readonly number[]} VoxelFromCanvas nine numbers, row by row: (column, row, slice) of the centre of the canvas
 *   pixel (i, j, 1). The centre of the first voxel is 0, and of the first canvas pixel too.
 */

const OPAQUE = 0xff000000;
const NOWHERE = NaN;

/**
 * Fill a picture.
 *
 * @param {Uint8ClampedArray} out RGBA, width * height * 4
 * @param {number} width
 * @param {number} height
 * @param {readonly (Frame | undefined)[]} frames by slice; a gap is background
 * @param {VoxelFromCanvas} matrix
 * @param {Window} window
 */
export function sampleInto(out, width, height, frames, matrix, window) {
  const pixels = new Uint32Array(out.buffer, out.byteOffset, width * height);
  const isFlat = matrix[6] === 0 && matrix[7] === 0 && Number.isInteger(matrix[8]);
  const flat = isFlat ? frames[matrix[8]] : undefined;
  if (isFlat && flat === undefined) {
    pixels.fill(OPAQUE);
  } else if (flat !== undefined && flat.samples === 3) {
    sampleColour(out, width, height, flat, matrix);
  } else if (flat !== undefined && flat.padding === null && matrix[1] === 0 && matrix[3] === 0 && window.voi !== 'SIGMOID') {
    sampleUpright(pixels, width, height, flat, matrix, window);
  } else {
    sampleGrey(pixels, width, height, flat === undefined ? frames : flat, matrix, window);
  }
}

/**
 * @param {Uint32Array} pixels
 * @param {number} width
 * @param {number} height
 * @param {Frame | readonly (Frame | undefined)[]} source one frame, or many to interpolate between
 * @param {VoxelFromCanvas} matrix
 * @param {Window} window
 */
function sampleGrey(pixels, width, height, source, matrix, window) {
  const flat = 'data' in source ? source : null;
  const [ci, cj, c0, ri, rj, r0, si, sj, s0] = matrix;
  const { scale, offset } = greyOf(window);
  const isSigmoid = window.voi === 'SIGMOID';
  const grey = new Uint8ClampedArray(1); // rounds as numpy.rint does
  for (let j = 0, at = 0; j < height; j += 1) {
    const columnStart = cj * j + c0;
    const rowStart = rj * j + r0;
    const sliceStart = sj * j + s0;
    for (let i = 0; i < width; i += 1, at += 1) {
      const column = ci * i + columnStart;
      const row = ri * i + rowStart;
      const value = flat !== null ? inPlane(flat, column, row)
        : between(/** @type {any} */ (source), column, row, si * i + sliceStart);
      if (value === value) { // not NaN
        grey[0] = isSigmoid ? sigmoid(value, window) : value * scale + offset;
        const level = grey[0];
        pixels[at] = OPAQUE | (level << 16) | (level << 8) | level;
      } else {
        pixels[at] = OPAQUE;
      }
    }
  }
}

/**
 * The same as `sampleGrey` for what is drawn most of the time, a frame that is not turned: what is alike in all rows of the
 * canvas is worked out once.
 *
 * @param {Uint32Array} pixels
 * @param {number} width
 * @param {number} height
 * @param {Frame} frame
 * @param {VoxelFromCanvas} matrix
 * @param {Window} window
 */
function sampleUpright(pixels, width, height, { data, rows, columns, slope, intercept }, [ci, , c0, , rj, r0], window) {
  const { scale, offset } = greyOf(window);
  const grey = new Uint8ClampedArray(1);
  const across = neighbours(width, ci, c0, columns);
  const down = neighbours(height, rj, r0, rows);
  const { first, second, share } = across;
  for (let j = 0; j < height; j += 1) {
    const start = j * width;
    const dy = down.share[j];
    if (dy !== dy) {
      pixels.fill(OPAQUE, start, start + width);
      continue;
    }
    const top = down.first[j] * columns;
    const bottom = down.second[j] * columns;
    for (let i = 0; i < width; i += 1) {
      const dx = share[i];
      const left = first[i];
      const right = second[i];
      const upper = data[top + left] * (1 - dx) + data[top + right] * dx;
      const lower = data[bottom + left] * (1 - dx) + data[bottom + right] * dx;
      const value = (upper * (1 - dy) + lower * dy) * slope + intercept;
      if (value === value) { // not NaN, as of means of nothing but padding, and outside
        grey[0] = value * scale + offset;
        const level = grey[0];
        pixels[start + i] = OPAQUE | (level << 16) | (level << 8) | level;
      } else {
        pixels[start + i] = OPAQUE;
      }
    }
  }
}

/**
 * The two pixels of the image beside each of the canvas, along one axis, and how near the second is; NaN outside.
 *
 * @param {number} length of the canvas
 * @param {number} step
 * @param {number} start
 * @param {number} count of the image
 */
function neighbours(length, step, start, count) {
  const first = new Int32Array(length);
  const second = new Int32Array(length);
  const share = new Float64Array(length).fill(NOWHERE);
  for (let at = 0; at < length; at += 1) {
    const place = step * at + start;
    if (place >= -0.5 && place <= count - 0.5) {
      const bounded = Math.min(Math.max(place, 0), count - 1);
      first[at] = Math.floor(bounded);
      share[at] = bounded - first[at];
      second[at] = share[at] === 0 ? first[at] : first[at] + 1;
    }
  }
  return { first, second, share };
}

/**
 * The value at a place of one frame, by bilinear interpolation; NaN outside and where nothing but padding is near.
 *
 * @param {Frame} frame
 * @param {number} column
 * @param {number} row
 */
export function inPlane(frame, column, row) {
  const { data, columns, rows } = frame;
  if (!(column >= -0.5 && row >= -0.5 && column <= columns - 0.5 && row <= rows - 0.5)) {
    return NOWHERE;
  }
  const x = column < 0 ? 0 : column > columns - 1 ? columns - 1 : column;
  const y = row < 0 ? 0 : row > rows - 1 ? rows - 1 : row;
  const left = Math.floor(x);
  const top = Math.floor(y);
  const dx = x - left;
  const dy = y - top;
  const first = top * columns + left;
  const right = dx === 0 ? first : first + 1;
  const below = dy === 0 ? 0 : columns;
  if (frame.padding !== null) {
    return besidePadding(frame, first, right, below, dx, dy);
  }
  const upper = dx === 0 ? data[first] : data[first] * (1 - dx) + data[right] * dx;
  const lower = dy === 0 ? upper : data[first + below] * (1 - dx) + data[right + below] * dx;
  return (upper * (1 - dy) + lower * dy) * frame.slope + frame.intercept;
}

/**
 * Padding has no part in a mean: its neighbours are weighed without it, and where it is the nearest there is nothing.
 *
 * @param {Frame} frame
 * @param {number} first
 * @param {number} right
 * @param {number} below
 * @param {number} dx
 * @param {number} dy
 */
function besidePadding({ data, padding, slope, intercept }, first, right, below, dx, dy) {
  const [low, high] = /** @type {readonly [number, number]} */ (padding);
  const nearest = data[(dx < 0.5 ? first : right) + (dy < 0.5 ? 0 : below)];
  if (nearest >= low && nearest <= high) {
    return NOWHERE;
  }
  let sum = 0;
  let weights = 0;
  for (let corner = 0; corner < 4; corner += 1) {
    const value = data[(corner & 1 ? right : first) + (corner & 2 ? below : 0)];
    if (value < low || value > high) {
      const weight = (corner & 1 ? dx : 1 - dx) * (corner & 2 ? dy : 1 - dy);
      sum += value * weight;
      weights += weight;
    }
  }
  return (sum / weights) * slope + intercept;
}

/**
 * The value between two slices, each rescaled by its own slope.
 *
 * @param {readonly (Frame | undefined)[]} frames
 * @param {number} column
 * @param {number} row
 * @param {number} slice
 */
function between(frames, column, row, slice) {
  if (!(slice >= -0.5 && slice <= frames.length - 0.5)) {
    return NOWHERE;
  }
  const z = Math.min(Math.max(slice, 0), frames.length - 1);
  const lower = Math.floor(z);
  const share = z - lower;
  const below = frames[lower];
  const value = below === undefined ? NOWHERE : inPlane(below, column, row);
  if (share === 0) {
    return value;
  }
  const above = frames[lower + 1];
  const next = above === undefined ? NOWHERE : inPlane(above, column, row);
  return value * (1 - share) + next * share;
}

/**
 * Colour as it is, each channel interpolated, without a window.
 *
 * @param {Uint8ClampedArray} out
 * @param {number} width
 * @param {number} height
 * @param {Frame} frame
 * @param {VoxelFromCanvas} matrix
 */
function sampleColour(out, width, height, { data, rows, columns }, [ci, cj, c0, ri, rj, r0]) {
  for (let j = 0, at = 0; j < height; j += 1) {
    for (let i = 0; i < width; i += 1, at += 4) {
      const column = ci * i + cj * j + c0;
      const row = ri * i + rj * j + r0;
      out[at + 3] = 255;
      if (!(column >= -0.5 && row >= -0.5 && column <= columns - 0.5 && row <= rows - 0.5)) {
        out[at] = out[at + 1] = out[at + 2] = 0;
        continue;
      }
      const x = Math.min(Math.max(column, 0), columns - 1);
      const y = Math.min(Math.max(row, 0), rows - 1);
      const left = Math.floor(x);
      const top = Math.floor(y);
      const dx = x - left;
      const dy = y - top;
      const first = (top * columns + left) * 3;
      const right = dx === 0 ? 0 : 3;
      const below = dy === 0 ? 0 : columns * 3;
      for (let channel = 0; channel < 3; channel += 1) {
        const corner = first + channel;
        const upper = data[corner] * (1 - dx) + data[corner + right] * dx;
        const lower = data[corner + below] * (1 - dx) + data[corner + right + below] * dx;
        out[at + channel] = upper * (1 - dy) + lower * dy;
      }
    }
  }
}
