// @ts-check
/**
 * The line along which linked scrolling goes: from the place, along the normal of the clicked images. Where it lies in
 * another frame is a curve, of points that the server mapped. Pure: no DOM, LPS mm.
 */

import { cross, dot } from '../../shared/geometry.js';

/**
 * @typedef {import('../../shared/geometry.js').Vector} Vector
 * @typedef {import('../../shared/geometry.js').Plane} Plane
 * @typedef {{position: Vector, orientation: readonly number[]}} Placed a plane, of which the spacing does not count
 *
 * @typedef {object} Line
 * @property {Vector} origin
 * @property {number[]} normal of length 1
 * @property {Float64Array} steps mm along the normal from the origin, ascending: where each slice is met, and beyond both ends
 *
 * @typedef {readonly (Vector | null)[]} Curve the points of `steps` in another frame; null: the transform does not reach there
 */

const BEYOND_MM = 200; // past the ends of the clicked stack, for stacks that reach farther
const BEYOND_STEP_MM = 5;
const SAME_MM = 1e-6; // rounding in what led to a point
const ROUNDING_MM = 1e-5; // of a distance, as the server allows it

/**
 * @param {Vector} origin a point of the clicked images' frame
 * @param {readonly Placed[]} planes of the clicked stack, in order
 * @param {readonly number[]} orientation of the plane that was clicked
 * @returns {Line}
 */
export function lineThrough(origin, planes, orientation) {
  const normal = cross(orientation.slice(0, 3), orientation.slice(3));
  const length = Math.hypot(...normal) || 1;
  const unit = normal.map((value) => value / length);
  const met = planes.map((plane) => crossingOf(origin, unit, plane)).filter((step) => step !== null);
  const steps = /** @type {number[]} */ ([...met, 0]).sort((a, b) => a - b);
  const [first, last] = [steps[0], steps[steps.length - 1]];
  for (let mm = BEYOND_STEP_MM; mm <= BEYOND_MM; mm += BEYOND_STEP_MM) {
    steps.push(first - mm, last + mm);
  }
  steps.sort((a, b) => a - b);
  return { origin, normal: unit, steps: Float64Array.from(steps.filter((step, at) => at === 0 || step - steps[at - 1] > SAME_MM)) };
}

/** Where the line meets a plane, mm; null where it runs along it. @param {Vector} origin @param {number[]} normal @param {Placed} plane */
export function crossingOf(origin, normal, { position, orientation }) {
  const own = cross(orientation.slice(0, 3), orientation.slice(3));
  const steepness = dot(own, normal);
  return Math.abs(steepness) < 0.1 ? null : dot(own, position.map((value, axis) => value - origin[axis])) / steepness;
}

/** @param {Line} line @returns {number[][]} the points of its steps, in its own frame */
export function pointsOf({ origin, normal, steps }) {
  return Array.from(steps, (mm) => origin.map((value, axis) => value + mm * normal[axis]));
}

/**
 * Where a curve is after so many mm of its line, between the points that were mapped in proportion.
 *
 * @param {Line} line
 * @param {Curve} curve
 * @param {number} mm
 * @returns {Vector | null} null: not known there
 */
export function pointAt({ steps }, curve, mm) {
  const after = Math.max(1, Math.min(upperBound(steps, mm), steps.length - 1));
  const [from, to] = [steps[after - 1], steps[after]];
  const share = (mm - from) / (to - from);
  if (share < -SAME_MM || share > 1 + SAME_MM) {
    return null;
  }
  const [a, b] = [curve[after - 1], curve[after]];
  if (Math.abs(share) <= SAME_MM) {
    return a;
  }
  if (Math.abs(share - 1) <= SAME_MM) {
    return b;
  }
  return a && b && a.map((value, axis) => value + share * (b[axis] - value));
}

/**
 * After how many mm of its line a curve meets a plane; of several places the one nearest to `near`.
 *
 * @param {Line} line
 * @param {Curve} curve
 * @param {Placed} plane
 * @param {number} near
 * @returns {number | null} null: nowhere
 */
export function meetingOf({ steps }, curve, { position, orientation }, near) {
  const normal = cross(orientation.slice(0, 3), orientation.slice(3));
  const height = dot(normal, position);
  let best = null;
  for (let at = 1; at < steps.length; at += 1) {
    const [a, b] = [curve[at - 1], curve[at]];
    if (a && b) {
      const [low, high] = [dot(normal, a) - height, dot(normal, b) - height];
      if (low !== high && Math.min(low, high) <= SAME_MM && Math.max(low, high) >= -SAME_MM) {
        const share = Math.min(Math.max(low / (low - high), 0), 1);
        const mm = steps[at - 1] + share * (steps[at] - steps[at - 1]);
        best = best === null || Math.abs(mm - near) < Math.abs(best - near) ? mm : best;
      }
    }
  }
  return best;
}

/** What is needed to find the plane of a stack that is nearest to a point. */
export class StackPlanes {
  /** @param {readonly {plane: Plane, reach: readonly number[]}[]} pictures in order along the normal; `reach` mm below and above */
  constructor(pictures) {
    this.pictures = pictures;
    this.normals = pictures.map(({ plane: { orientation } }) => cross(orientation.slice(0, 3), orientation.slice(3)));
    this.heights = Float64Array.from(pictures, ({ plane }, at) => dot(this.normals[at], plane.position));
  }

  /**
   * The nearest plane, if the point is within its reach; never the last plane for what lies beyond it.
   *
   * @param {Vector} point of the stack's frame
   * @returns {{at: number | null, beyondMm: number}} `at` null: outside, by so many mm
   */
  nearest(point) {
    let best = 0;
    let least = Infinity;
    for (let at = 0; at < this.heights.length; at += 1) {
      const off = Math.abs(dot(this.normals[at], point) - this.heights[at]);
      if (off <= least + SAME_MM) { // half way between two it is the upper one, as in resolve
        [best, least] = [at, off];
      }
    }
    const off = dot(this.normals[best], point) - this.heights[best];
    const reach = this.pictures[best].reach[off < 0 ? 0 : 1];
    const beyondMm = Math.abs(off) - reach;
    return beyondMm > ROUNDING_MM ? { at: null, beyondMm } : { at: best, beyondMm: 0 };
  }
}

/** How many of ascending numbers are not above a value. @param {Float64Array} values @param {number} value */
function upperBound(values, value) {
  let [low, high] = [0, values.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] <= value) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}
