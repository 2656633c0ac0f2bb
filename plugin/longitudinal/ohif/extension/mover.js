// @ts-check
/** Takes viewports to slices, and knows of a change whether it was the one that it made. */

import { dot } from '../../web/shared/geometry.js';
import { isStack, offCut } from './images.js';

/** An image that is not there yet may take a while to come. */
const EXPECTED_MS = 5000;
const SAME_MM = 1e-3;

export class Mover {
  constructor() {
    /** @type {Map<string, {until: number, index: number, point: readonly number[]}>} by viewport */
    this.expected = new Map();
  }

  /** @param {any} viewport @param {readonly number[]} point LPS mm @param {number} index of the image */
  async goTo(viewport, point, index) {
    this.expected.set(viewport.id, { until: performance.now() + EXPECTED_MS, index, point });
    await goTo(viewport, point, index);
  }

  /** Whether what a viewport shows now is where we took it. @param {any} viewport */
  isOurs(viewport) {
    const expected = this.expected.get(viewport.id);
    if (expected === undefined || performance.now() > expected.until) {
      this.expected.delete(viewport.id);
      return false;
    }
    const isThere = isStack(viewport) ? viewport.getCurrentImageIdIndex() === expected.index
      : Math.abs(offCut(viewport, expected.point)) < SAME_MM;
    if (!isThere) {
      this.expected.delete(viewport.id);
    }
    return isThere;
  }
}

/**
 * The image with this index, or, in a cut through a volume, the cut through the point.
 *
 * @param {any} viewport
 * @param {readonly number[]} point LPS mm
 * @param {number} index
 */
async function goTo(viewport, point, index) {
  if (isStack(viewport)) {
    if (viewport.getCurrentImageIdIndex() !== index) {
      await viewport.setImageIdIndex(index);
    }
  } else {
    const { focalPoint, position, viewPlaneNormal: normal } = viewport.getCamera();
    const off = dot(point.map((value, axis) => value - focalPoint[axis]), normal);
    const moved = (/** @type {number[]} */ from) => from.map((value, axis) => value + off * normal[axis]);
    viewport.setCamera({ focalPoint: moved([...focalPoint]), position: moved([...position]) });
  }
  viewport.render();
}
