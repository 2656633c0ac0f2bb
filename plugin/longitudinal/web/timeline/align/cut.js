// @ts-check
/** A plane through a volume, and the picture of it: pure but for the ImageData. Canvas places are CSS pixels from the corner. */

import { applied, cross, dot, pixelOf } from '../../shared/geometry.js';
import { inPlane } from '../render/sample.js';
import { greyFunction } from '../render/voi.js';

/**
 * @typedef {import('../../shared/geometry.js').Vector} Vector
 * @typedef {import('./volume.js').Volume} Volume
 *
 * @typedef {object} Cut a plane as it lies on its canvas
 * @property {Vector} centre LPS mm, in the middle of the canvas
 * @property {Vector} right of unit length
 * @property {Vector} below
 * @property {number} mmPerPixel
 * @property {number} width
 * @property {number} height
 */

/** @typedef {'native' | 'rows' | 'columns'} Kind along which directions of the stack a cut lies */
export const KINDS = /** @type {const} */ (['native', 'rows', 'columns']);

/** The directions of a cut on the screen; head and front up. @param {Volume} volume @param {Kind} kind */
export function directionsOf({ along, down, normal }, kind) {
  if (kind === 'native') {
    return { right: along, below: down };
  }
  const right = kind === 'rows' ? along : down;
  // the head is up, or the front, whatever the order of the slices
  const isUp = normal[2] > 0.5 || (Math.abs(normal[2]) <= 0.5 && (normal[1] < -0.5 || (Math.abs(normal[1]) <= 0.5 && normal[0] > 0)));
  return { right, below: normal.map((value) => (isUp ? -value : value)) };
}

/** @param {Cut} cut @param {number} x @param {number} y @returns {number[]} LPS mm */
export function pointAt({ centre, right, below, mmPerPixel, width, height }, x, y) {
  const [dx, dy] = [(x - width / 2) * mmPerPixel, (y - height / 2) * mmPerPixel];
  return centre.map((value, axis) => value + dx * right[axis] + dy * below[axis]);
}

/** Where a point is on the canvas, and how far before or behind the cut. @param {Cut} cut @param {Vector} point */
export function placeOf({ centre, right, below, mmPerPixel, width, height }, point) {
  const offset = point.map((value, axis) => value - centre[axis]);
  return { x: dot(offset, right) / mmPerPixel + width / 2, y: dot(offset, below) / mmPerPixel + height / 2, distanceMm: dot(offset, cross(right, below)) };
}

/**
 * The values of a cut, row by row; NaN where there are none.
 *
 * @param {Volume} volume
 * @param {Cut} cut
 * @param {number[][] | null} matrix from the cut's frame into the volume's, null where they are one
 * @returns {Float32Array}
 */
export function sampled(volume, cut, matrix = null) {
  const { width, height, mmPerPixel } = cut;
  const values = new Float32Array(width * height).fill(NaN);
  const turned = (/** @type {Vector} */ direction) => (matrix === null ? direction
    : matrix.slice(0, 3).map((row) => row[0] * direction[0] + row[1] * direction[1] + row[2] * direction[2]));
  const [right, below] = [turned(cut.right), turned(cut.below)];
  const corner = pointAt(cut, 0.5, 0.5);
  const start = matrix === null ? corner : applied(matrix, corner);
  const point = [0, 0, 0];
  const isRowInPlane = Math.abs(dot(right, volume.normal)) < 1e-9;
  for (let j = 0, at = 0; j < height; j += 1) {
    for (let axis = 0; axis < 3; axis += 1) {
      point[axis] = start[axis] + j * mmPerPixel * below[axis];
    }
    if (isRowInPlane) {
      fillRow(volume, point, right, mmPerPixel, width, values, at);
      at += width;
      continue;
    }
    for (let i = 0; i < width; i += 1, at += 1) {
      values[at] = volume.valueAt(point);
      for (let axis = 0; axis < 3; axis += 1) {
        point[axis] += mmPerPixel * right[axis];
      }
    }
  }
  return values;
}

/** A row that lies in one plane. @param {Volume} volume @param {number[]} from @param {Vector} right @param {number} mm @param {number} width @param {Float32Array} values @param {number} at */
function fillRow(volume, from, right, mm, width, values, at) {
  const number = volume.planeAt(from);
  const frame = number < 0 ? null : volume.frames[number];
  if (frame === null || frame.samples !== 1) {
    return;
  }
  const plane = volume.planes[number];
  const first = pixelOf(plane, from);
  const next = pixelOf(plane, from.map((value, axis) => value + mm * right[axis]));
  const [dc, dr] = [next.column - first.column, next.row - first.row];
  for (let i = 0; i < width; i += 1) {
    values[at + i] = inPlane(frame, first.column + i * dc, first.row + i * dr);
  }
}

/**
 * Grey, or two volumes over each other: the first in blue and green, the second in red and green, white where they agree.
 *
 * @param {number} width
 * @param {Float32Array} values
 * @param {{center: number, width: number}} range
 * @param {{values: Float32Array, range: {center: number, width: number}} | null} [other]
 * @returns {ImageData}
 */
export function pictureOf(width, values, range, other = null) {
  const image = new ImageData(width, values.length / width);
  const { data } = image;
  const first = greyFunction({ ...range, isInverted: false });
  const second = other && greyFunction({ ...other.range, isInverted: false });
  for (let at = 0; at < values.length; at += 1) {
    const grey = values[at] === values[at] ? first(values[at]) : 0;
    const red = other && second ? (other.values[at] === other.values[at] ? second(other.values[at]) : 0) : grey;
    data[at * 4] = red;
    data[at * 4 + 1] = (Math.min(Math.max(grey, 0), 255) + Math.min(Math.max(red, 0), 255)) / 2;
    data[at * 4 + 2] = grey;
    data[at * 4 + 3] = 255;
  }
  return image;
}
