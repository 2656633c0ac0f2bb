// @ts-check
/** What OHIF knows of the images of a viewport: planes, instances, frames of reference. No drawing. */

import { dot, nearestPlane, pixelOf } from '../../web/shared/geometry.js';

/** @typedef {import('../../web/shared/geometry.js').Plane} Plane */

const SAME_PLACE_MM = 1e-3;

/** 1-based. @param {string} imageId */
export function frameNumberOf(imageId) {
  const found = /\/frames\/(\d+)/.exec(imageId) ?? /[?&]frame=(\d+)/.exec(imageId);
  return found === null ? 1 : Number(found[1]);
}

/** Reads images by cornerstone's metadata. */
export class Images {
  /** @param {any} metaData of cornerstone */
  constructor(metaData) {
    this.metaData = metaData;
    /** @type {WeakMap<object, {ids: string[], planes: (Plane | null)[]}>} */
    this.known = new WeakMap();
  }

  /** @param {string | undefined} imageId @returns {any} attributes of its instance; {} where there are none */
  instance(imageId) {
    return (imageId && this.metaData.get('instance', imageId)) || {};
  }

  /** @param {string | undefined} imageId @returns {Plane | null} null for a picture without a place in the patient */
  plane(imageId) {
    const told = imageId ? this.metaData.get('imagePlaneModule', imageId) : null;
    const { imagePositionPatient: position, rowCosines: along, columnCosines: down } = told ?? {};
    const { rowPixelSpacing: between, columnPixelSpacing: beside, usingDefaultValues } = told ?? {};
    if (!position || !along || !down || !(between > 0) || !(beside > 0) || usingDefaultValues) {
      return null;
    }
    return { position: [...position], orientation: [...along, ...down], spacing: [between, beside] };
  }

  /** The planes of a viewport's images, in its own order. @param {any} viewport @returns {(Plane | null)[]} */
  planes(viewport) {
    const ids = idsOf(viewport);
    const known = this.known.get(viewport);
    if (known && known.ids.length === ids.length && known.ids[0] === ids[0] && known.ids.at(-1) === ids.at(-1)) {
      return known.planes;
    }
    const planes = ids.map((id) => this.plane(id));
    this.known.set(viewport, { ids, planes });
    return planes;
  }

  /** @param {any} viewport @returns {{study: string, series: string, frame: string | null}} what it shows */
  shown(viewport) {
    const imageId = viewport.getCurrentImageId?.() ?? idsOf(viewport)[0];
    const instance = this.instance(imageId);
    const series = instance.SeriesInstanceUID ?? '';
    const frame = instance.FrameOfReferenceUID || (series ? `series:${series}` : null);
    return { study: instance.StudyInstanceUID ?? '', series, frame };
  }

  /**
   * The image nearest to a point, and whether the point is within its reach: half the gap to the neighbour on that side.
   *
   * @param {any} viewport
   * @param {readonly number[]} point LPS mm, in the viewport's frame
   * @returns {{index: number, distanceMm: number, isWithin: boolean} | null} null where no image has a plane
   */
  nearest(viewport, point) {
    const planes = this.planes(viewport);
    const all = planes.map((plane, index) => ({ plane, index })).filter(({ plane }) => plane !== null);
    if (all.length === 0) {
      return null;
    }
    const at = nearestPlane(all.map(({ plane }) => /** @type {Plane} */ (plane)), point);
    const { plane, index } = all[at];
    const { distanceMm } = pixelOf(/** @type {Plane} */ (plane), point);
    return { index, distanceMm, isWithin: Math.abs(distanceMm) <= this.reach(viewport, /** @type {Plane} */ (plane), index, distanceMm) };
  }

  /** How far beside an image a point may be, mm. @param {any} viewport @param {Plane} plane @param {number} index @param {number} side */
  reach(viewport, plane, index, side) {
    const gaps = this.planes(viewport)
      .filter((other, at) => other !== null && at !== index)
      .map((other) => pixelOf(plane, /** @type {Plane} */ (other).position).distanceMm)
      .filter((gap) => Math.abs(gap) > SAME_PLACE_MM);
    const onSide = gaps.filter((gap) => Math.sign(gap) === Math.sign(side));
    const own = Number(this.instance(idsOf(viewport)[index]).SliceThickness) || 1;
    return Math.min(...(onSide.length > 0 ? onSide : gaps).map(Math.abs), gaps.length === 0 ? own : Infinity) / 2 + SAME_PLACE_MM;
  }

  /** Its index among the viewport's images, -1 where it is not one. @param {any} viewport @param {string} sop @param {number} frame */
  indexOf(viewport, sop, frame) {
    return idsOf(viewport).findIndex((id) => this.instance(id).SOPInstanceUID === sop && frameNumberOf(id) === frame);
  }
}

/** @param {any} viewport @returns {string[]} */
export function idsOf(viewport) {
  return viewport?.getImageIds?.() ?? [];
}

/** Whether it shows its images as they are, and not cuts through a volume. @param {any} viewport */
export function isStack(viewport) {
  return viewport?.type === 'stack' || typeof viewport?.setImageIdIndex === 'function' && viewport.type !== 'orthographic';
}

/**
 * The plane that a viewport shows: a point of it and the unit normal.
 *
 * @param {any} viewport
 * @returns {{point: number[], normal: number[]}}
 */
export function cutOf(viewport) {
  const { focalPoint, viewPlaneNormal } = viewport.getCamera();
  return { point: [...focalPoint], normal: [...viewPlaneNormal] };
}

/** mm from the cut to a point, along the cut's normal. @param {any} viewport @param {readonly number[]} point */
export function offCut(viewport, point) {
  const cut = cutOf(viewport);
  return dot(point.map((value, axis) => value - cut.point[axis]), cut.normal);
}
