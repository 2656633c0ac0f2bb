// @ts-check
/**
 * A stack that is cut: its planes as they are, never one affine map for all of them, so that tilt and gaps do no harm. Between
 * planes the nearest one is shown: what is marked was imaged there.
 */

import { cross, dot, pixelOf, pointOf } from '../../shared/geometry.js';
import { frameOf } from '../point/frames.js';
import { rangeOf } from '../point/windows.js';
import { inPlane } from '../render/sample.js';

/** @typedef {import('../../shared/geometry.js').Vector} Vector */

const OFTEN_MS = 200;

export class Volume {
  /**
   * @param {import('../point/series.js').Series} series
   * @param {import('../point/series.js').Sequence} sequence with places
   */
  constructor(series, sequence) {
    this.series = series;
    this.frameOfReferenceUid = sequence.frameOfReferenceUid;
    this.pictures = sequence.pictures;
    this.planes = this.pictures.map(({ plane }) => /** @type {import('../../shared/geometry.js').Plane} */ (plane));
    /** @type {(import('../render/sample.js').Frame | null)[]} */
    this.frames = this.pictures.map(() => null);
    this.loaded = 0;
    this.range = { center: 40, width: 400 };
    const { orientation } = this.planes[0];
    this.along = orientation.slice(0, 3);
    this.down = orientation.slice(3);
    this.normal = cross(this.along, this.down);
    this.offsets = this.planes.map(({ position }) => dot(position, this.normal));
    const gaps = this.offsets.slice(1).map((offset, at) => offset - this.offsets[at]).sort((a, b) => a - b);
    this.gap = gaps.length > 0 ? gaps[Math.floor(gaps.length / 2)] : 1;
  }

  get size() {
    const { rows, columns } = this.pictures[0];
    return { rows: rows ?? 1, columns: columns ?? 1 };
  }

  /** The middle of the middle plane. @returns {number[]} LPS mm */
  get centre() {
    const { rows, columns } = this.size;
    return pointOf(this.planes[Math.floor(this.planes.length / 2)], (rows - 1) / 2, (columns - 1) / 2);
  }

  /** mm along rows, columns and the normal. */
  get extent() {
    const { rows, columns } = this.size;
    const { spacing } = this.planes[0];
    return [columns * spacing[1], rows * spacing[0], (this.offsets.at(-1) ?? 0) - this.offsets[0] + this.gap];
  }

  /**
   * Load all frames, those near the middle first.
   *
   * @param {import('../../shared/api.js').Api} api
   * @param {import('../render/loader.js').FrameLoader} loader
   * @param {AbortSignal} signal
   * @param {() => void} onChange
   */
  async load(api, loader, signal, onChange) {
    const middle = this.pictures.length / 2;
    const order = this.pictures.map((_, at) => at).sort((a, b) => Math.abs(a - middle) - Math.abs(b - middle));
    let told = 0;
    await Promise.all(order.map(async (at) => {
      const { address } = this.pictures[at];
      if (address !== null) {
        this.frames[at] = frameOf(await loader.load(api.href(address), signal), this.pictures[at]);
      }
      this.loaded += 1;
      if (this.loaded === 1 && this.frames[at] !== null) {
        this.range = this.pictures[at].window ?? rangeOf(/** @type {any} */ (this.frames[at]), 0.01);
      }
      if (performance.now() - told > OFTEN_MS || this.loaded === this.pictures.length) {
        told = performance.now();
        onChange();
      }
    }));
  }

  /** The plane that answers for a point; -1 where none does. @param {Vector} point @returns {number} */
  planeAt(point) {
    const offset = dot(point, this.normal);
    const { offsets } = this;
    let [low, high] = [0, offsets.length - 1];
    while (low < high) {
      const half = (low + high) >> 1;
      if (offsets[half] < offset) {
        low = half + 1;
      } else {
        high = half;
      }
    }
    const nearest = low > 0 && offset - offsets[low - 1] < offsets[low] - offset ? low - 1 : low;
    return Math.abs(offsets[nearest] - offset) <= this.gap * 0.75 + 1e-6 ? nearest : -1;
  }

  /** The value at a point; NaN outside, in a gap, and where nothing is loaded. @param {Vector} point */
  valueAt(point) {
    const at = this.planeAt(point);
    const frame = at < 0 ? null : this.frames[at];
    if (frame === null || frame.samples !== 1) {
      return NaN;
    }
    const { row, column } = pixelOf(this.planes[at], point);
    return inPlane(frame, column, row);
  }
}
