// @ts-check
/**
 * A stack cut along any surface: each pixel of the canvas has a point of the stack's frame, and its value is interpolated
 * between the two slices beside that point, each by its own geometry and rescaled. Pure: no DOM; a worker and Node run it.
 */

import { cross, dot } from '../../shared/geometry.js';
import { inPlane } from '../render/sample.js';

/**
 * @typedef {import('../../shared/geometry.js').Plane} Plane
 * @typedef {import('../render/sample.js').Frame} Frame
 *
 * @typedef {object} FlatPlace where the pixels of a canvas are, by a matrix
 * @property {readonly number[]} matrix nine numbers: the point of pixel (i, j) is matrix[0..2] i + matrix[3..5] j + matrix[6..8]
 *
 * @typedef {object} GridPlace where they are, by points that were mapped and what lies between them in proportion
 * @property {readonly number[]} matrix six numbers: node (u, v) of pixel (i, j) is (m[0] i + m[1] j + m[2], m[3] i + m[4] j + m[5])
 * @property {Float64Array} points three a node, row by row; NaN: the transform does not reach there
 * @property {number} rows of nodes
 * @property {number} columns
 *
 * @typedef {FlatPlace | GridPlace} Place
 */

const HOLE = 1.5; // median gaps: a slice is missing, and nothing is made up for it
const EDGE_MM = 1e-6;

/** Which way the planes of a stack face, and how they follow each other. */
export class CutStack {
  /** @param {readonly Plane[]} planes in order along their normal @param {number} endMm how far an end plane reaches outwards */
  constructor(planes, endMm) {
    this.planes = planes;
    this.endMm = endMm;
    const normals = planes.map(({ orientation }) => cross(orientation.slice(0, 3), orientation.slice(3)));
    const gaps = planes.slice(1).map(({ position }, at) => dot(normals[at], position) - dot(normals[at], planes[at].position));
    this.holeMm = HOLE * ([...gaps].sort((a, b) => a - b)[gaps.length >> 1] ?? Infinity);
    /** Twelve numbers a plane: what times a point, plus the fourth, is its column, its row, and mm over the plane. */
    this.parts = Float64Array.from(planes.flatMap(({ orientation, spacing, position }, at) => {
      const along = orientation.slice(0, 3).map((value) => value / spacing[1]);
      const down = orientation.slice(3).map((value) => value / spacing[0]);
      return [along, down, normals[at]].flatMap((part) => [...part, -dot(part, position)]);
    }));
  }

  /**
   * The slice at or below a point, beginning the search at another one; -1 below the first.
   *
   * @param {number} x
   * @param {number} y
   * @param {number} z
   * @param {number} from
   */
  below(x, y, z, from) {
    let at = Math.max(0, Math.min(from, this.planes.length - 1));
    while (at < this.planes.length - 1 && this.over(at + 1, x, y, z) >= 0) {
      at += 1;
    }
    while (at >= 0 && this.over(at, x, y, z) < 0) {
      at -= 1;
    }
    return at;
  }

  /** mm of a point over a plane, along its normal. @param {number} at @param {number} x @param {number} y @param {number} z */
  over(at, x, y, z) {
    const { parts } = this;
    const first = 12 * at + 8;
    return parts[first] * x + parts[first + 1] * y + parts[first + 2] * z + parts[first + 3];
  }

  /** The value of one slice where a point projects on it. @param {Frame | undefined} frame @param {number} at @param {number} x @param {number} y @param {number} z */
  value(frame, at, x, y, z) {
    if (frame === undefined) {
      return NaN;
    }
    const { parts } = this;
    const first = 12 * at;
    return inPlane(frame, parts[first] * x + parts[first + 1] * y + parts[first + 2] * z + parts[first + 3],
      parts[first + 4] * x + parts[first + 5] * y + parts[first + 6] * z + parts[first + 7]);
  }

  /**
   * @param {readonly (Frame | undefined)[]} frames by slice
   * @param {number} x @param {number} y @param {number} z
   * @param {number} below the slice at or below the point
   * @returns {number} NaN where there is nothing
   */
  at(frames, x, y, z, below) {
    const last = this.planes.length - 1;
    if (below < 0) {
      return -this.over(0, x, y, z) <= this.endMm + EDGE_MM ? this.value(frames[0], 0, x, y, z) : NaN;
    }
    const over = this.over(below, x, y, z);
    if (below === last) {
      return over <= this.endMm + EDGE_MM ? this.value(frames[last], last, x, y, z) : NaN;
    }
    const under = -this.over(below + 1, x, y, z);
    const gap = over + under;
    if (gap > this.holeMm) {
      const near = over <= under ? below : below + 1;
      return Math.min(over, under) <= this.endMm ? this.value(frames[near], near, x, y, z) : NaN;
    }
    const share = over / gap;
    const lower = this.value(frames[below], below, x, y, z);
    return share < EDGE_MM ? lower : lower * (1 - share) + this.value(frames[below + 1], below + 1, x, y, z) * share;
  }
}

/**
 * @param {Float32Array} out rescaled values, row by row; NaN where there is nothing
 * @param {number} width
 * @param {number} height
 * @param {CutStack} stack
 * @param {readonly (Frame | undefined)[]} frames by slice
 * @param {Place} place
 */
export function cutInto(out, width, height, stack, frames, place) {
  const point = new Float64Array(3);
  let slice = 0;
  for (let j = 0, at = 0; j < height; j += 1) {
    for (let i = 0; i < width; i += 1, at += 1) {
      pointInto(point, place, i, j);
      const x = point[0];
      const y = point[1];
      const z = point[2];
      if (x !== x) {
        out[at] = NaN;
      } else {
        slice = stack.below(x, y, z, slice);
        out[at] = stack.at(frames, x, y, z, slice);
      }
    }
  }
}

/** The point of a pixel. @param {Float64Array} point NaN where it is not known @param {Place} place @param {number} i @param {number} j */
export function pointInto(point, place, i, j) {
  const m = place.matrix;
  if (!('points' in place)) {
    point[0] = m[0] * i + m[3] * j + m[6];
    point[1] = m[1] * i + m[4] * j + m[7];
    point[2] = m[2] * i + m[5] * j + m[8];
    return;
  }
  const { points, rows, columns } = place;
  const u = m[0] * i + m[1] * j + m[2];
  const v = m[3] * i + m[4] * j + m[5];
  if (!(u >= 0 && v >= 0 && u <= columns - 1 && v <= rows - 1)) {
    point[0] = NaN;
    return;
  }
  const left = Math.min(Math.floor(u), columns - 2);
  const top = Math.min(Math.floor(v), rows - 2);
  const [dx, dy] = [u - left, v - top];
  const first = 3 * (top * columns + left);
  const below = first + 3 * columns;
  for (let axis = 0; axis < 3; axis += 1) {
    const upper = points[first + axis] * (1 - dx) + points[first + 3 + axis] * dx;
    const lower = points[below + axis] * (1 - dx) + points[below + 3 + axis] * dx;
    point[axis] = upper * (1 - dy) + lower * dy;
  }
}

const LOOKED_AT = 24; // pixels a side, to find out which slices a cut goes through

/**
 * Which slices a cut goes through: from, to (included); null: none.
 *
 * @param {CutStack} stack
 * @param {{rows: number, columns: number}} image of the stack
 * @param {Place} place
 * @param {number} width
 * @param {number} height
 * @returns {[number, number] | null}
 */
export function slicesOf(stack, { rows, columns }, place, width, height) {
  const point = new Float64Array(3);
  let [from, to, slice] = [Infinity, -Infinity, 0];
  const [marginX, marginY] = [columns / LOOKED_AT + 1, rows / LOOKED_AT + 1];
  for (let v = 0; v <= LOOKED_AT; v += 1) {
    for (let u = 0; u <= LOOKED_AT; u += 1) {
      pointInto(point, place, (u / LOOKED_AT) * (width - 1), (v / LOOKED_AT) * (height - 1));
      const [x, y, z] = point;
      if (x === x) {
        slice = stack.below(x, y, z, slice);
        const [a, b, c, d, e, f, g, h] = stack.parts.subarray(12 * Math.max(slice, 0));
        const [column, row] = [a * x + b * y + c * z + d, e * x + f * y + g * z + h];
        if (column >= -marginX && row >= -marginY && column <= columns + marginX && row <= rows + marginY) {
          [from, to] = [Math.min(from, slice), Math.max(to, slice + 1)];
        }
      }
    }
  }
  const last = stack.planes.length - 1;
  // one more at either end: between the pixels that were looked at
  return from > to ? null : [Math.max(0, from - 1), Math.min(last, to + 1)];
}
