// @ts-check
/** What the answer of /points/radiotherapy says, as words: no number without how well it is known. */

import { hasWord, word } from '../../shared/words.js';

/**
 * @typedef {object} Line
 * @property {string} key
 * @property {[number, number, number] | null} colour
 * @property {string} name
 * @property {string} state inside, border, outside or unknown, for the shape
 * @property {string} text
 * @property {string} more flags and doubts
 * @property {boolean} [isDose]
 */

/** @param {any} study of the answer @returns {Line[]} regions, those that hold the place first, then the nearest */
export function structureLines(study) {
  return [...study.structures].sort((one, other) => rankOf(one) - rankOf(other)).map((roi) => ({
    key: `${roi.sopInstanceUid} ${roi.roiNumber}`,
    colour: roi.colour,
    name: roi.name || word('rt.roi', { number: roi.roiNumber }),
    state: stateOf(roi),
    text: structureText(roi),
    more: [...roi.flags.map((/** @type {string} */ flag) => word(`rt.flag.${flag}`)), onlyDistance(roi) && reasonText(roi)].filter(Boolean).join(' · '),
  }));
}

/** @param {any} study @returns {Line[]} */
export function doseLines(study) {
  return study.doses.map((/** @type {any} */ dose) => ({
    key: dose.sopInstanceUid,
    isDose: true,
    colour: null,
    name: [word('rt.dose'), dose.summationType, dose.doseType].filter(Boolean).join(' '),
    state: dose.gy === null ? 'unknown' : 'dose',
    text: dose.gy === null ? reasonText(dose) : word('rt.gy', { gy: dose.gy.toFixed(2) }),
    more: dose.gy === null ? '' : rangeText(dose),
  }));
}

/** @param {any} roi */
function stateOf({ inside, distanceMm, membership }) {
  if (membership === 'border') {
    return 'border';
  }
  if (inside === null) {
    return distanceMm === null ? 'unknown' : 'outside';
  }
  return inside ? 'inside' : 'outside';
}

/** @param {any} roi */
function structureText(roi) {
  if (roi.inside === null && roi.distanceMm === null) {
    return reasonText(roi);
  }
  const mm = Math.abs(roi.distanceMm).toFixed(1);
  if (onlyDistance(roi)) {
    return word('rt.away', { mm });
  }
  return word(`rt.${stateOf(roi)}`, { mm, side: word(roi.inside ? 'rt.side.inside' : 'rt.side.outside') });
}

/** How well the place is known in the frames of a study's regions, each statement once. @param {any} study @returns {string} */
export function doubtsOf(study) {
  return [...new Set(study.structures.map(doubtOf))].filter(Boolean).join(' · ');
}

/** A point or an open contour. @param {any} roi */
function onlyDistance({ inside, distanceMm }) {
  return inside === null && distanceMm !== null;
}

/** @param {any} roi */
function doubtOf({ path, uncertaintyMm, distanceMm }) {
  if (path === null || distanceMm === null) {
    return '';
  }
  if (uncertaintyMm !== null) {
    return word('rt.error', { mm: uncertaintyMm.toFixed(1) });
  }
  return word(path.length === 0 ? 'rt.sharedFrame' : 'rt.notMeasured');
}

/** @param {any} dose */
function rangeText({ minGy, maxGy, flags, path, uncertaintyMm }) {
  if (minGy !== null) {
    return word('rt.range', { min: minGy.toFixed(2), max: maxGy.toFixed(2), mm: uncertaintyMm.toFixed(1) });
  }
  if (flags.length > 0) {
    return word(`rt.flag.${flags[0]}`);
  }
  return word(path?.length === 0 ? 'rt.rangeShared' : 'rt.rangeNotMeasured');
}

/** @param {{reason: string | null, detail: string}} one */
function reasonText({ reason, detail }) {
  const key = `rt.reason.${reason}`;
  return hasWord(key) ? word(key) : `${reason} ${detail}`;
}

/** @param {any} roi */
function rankOf({ inside, distanceMm }) {
  if (distanceMm === null) {
    return Number.MAX_VALUE;
  }
  return inside ? distanceMm - 1e6 : distanceMm;
}
