// @ts-check
/** Lesions in the archive: read from places with diameters, and kept there. */

import { inPath } from '../../shared/api.js';
import { pixelOf } from '../../shared/geometry.js';
import { lengthOf } from './model.js';

/** What SR has no room for is remembered in this browser, by tracking UID. */
const STORE = 'longitudinal.lesions';

/**
 * The lesions of a patient.
 *
 * @param {any} answer of GET /places
 * @returns {import('./model.js').Lesion[]}
 */
export function lesionsOf({ places }) {
  return places.filter((/** @type {any} */ place) => place.reports.some((/** @type {any} */ report) => report.diameters.length > 0))
    .map((/** @type {any} */ place) => {
      const studies = new Map();
      const others = new Map();
      for (const report of place.reports.filter((/** @type {any} */ one) => one.diameters.length > 0)) {
        const measured = measuredOf(report);
        if (report.isOwn) {
          studies.set(report.studyInstanceUid, measured);
        } else {
          others.set(report.studyInstanceUid, [...others.get(report.studyInstanceUid) ?? [], measured]);
        }
      }
      return { id: place.id, name: place.name, storedName: place.isOwn ? place.name : undefined, ...remembered(place.id), studies, others, isStored: true };
    });
}

/** @param {any} report @returns {import('./model.js').Measured} */
function measuredOf({ diameters, image, createdBy }) {
  const line = (/** @type {string[]} */ axes) => diameters.find((/** @type {any} */ one) => axes.includes(one.axis))?.points ?? null;
  return {
    long: line(['long', 'length']), short: line(['short']), isGone: false, isKept: true, by: createdBy,
    picture: image === null ? null : { sopInstanceUid: image.sopInstanceUid, frameNumber: image.frameNumber },
  };
}

/**
 * Keep one lesion in one study.
 *
 * @param {import('../../shared/api.js').Api} api
 * @param {import('./model.js').Lesion} lesion
 * @param {import('./model.js').Measured} measured
 * @param {import('../../shared/geometry.js').Plane} plane of the picture that it was drawn on
 * @param {AbortSignal} signal
 * @returns {Promise<any>} the place
 */
export function keep(api, lesion, measured, plane, signal) {
  const { sopInstanceUid, frameNumber } = /** @type {any} */ (measured.picture);
  const diameters = /** @type {const} */ (['long', 'short']).filter((axis) => measured[axis] !== null).map((axis) => ({
    axis, points: measured[axis]?.map((point) => {
      const { row, column } = pixelOf(plane, point);
      return [row, column];
    }),
  }));
  const which = lesion.isStored ? { place: lesion.id } : { name: lesion.name };
  return api.ask('/diameters', { signal, body: { sopInstanceUid, frameNumber, diameters, ...which } });
}

/** @param {import('../../shared/api.js').Api} api @param {import('./model.js').Lesion} lesion @param {AbortSignal} signal */
export function rename(api, lesion, signal) {
  return api.ask(`/places/${inPath(lesion.id)}`, { method: 'PUT', body: { name: lesion.name }, signal });
}

/** @param {import('../../shared/api.js').Api} api @param {import('./model.js').Lesion} lesion @param {string} study @param {AbortSignal} signal */
export function unkeep(api, lesion, study, signal) {
  return api.ask(`/places/${inPath(lesion.id)}/diameters/${inPath(study)}`, { method: 'DELETE', signal });
}

/** @param {string} id @returns {{organ: string, isNode: boolean}} */
function remembered(id) {
  try {
    const { organ = '', isNode = false } = JSON.parse(localStorage.getItem(STORE) ?? '{}')[id] ?? {};
    return { organ: String(organ), isNode: isNode === true };
  } catch {
    return { organ: '', isNode: false };
  }
}

/** @param {import('./model.js').Lesion} lesion */
export function remember({ id, organ, isNode }) {
  try {
    const all = JSON.parse(localStorage.getItem(STORE) ?? '{}');
    localStorage.setItem(STORE, JSON.stringify({ ...all, [id]: { organ, isNode } }));
  } catch {
    // a browser that remembers nothing: organ and node are asked again next time
  }
}

/** What others measured, in words. @param {import('./model.js').Measured} measured */
export function sizeWords({ long, short }) {
  return [long, short].filter((line) => line !== null).map((line) => lengthOf(/** @type {any} */ (line)).toFixed(1)).join(' × ');
}
