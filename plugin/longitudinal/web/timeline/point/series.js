// @ts-check
/**
 * Series as the page draws them: sequences of pictures to scroll through. A stack is one, and so is what has no place in
 * the patient (colour, secondary captures, ultrasound).
 */

import { pixelsPath } from '../../shared/api.js';

/**
 * @typedef {object} Picture one frame
 * @property {string} instance Orthanc id
 * @property {string} sopInstanceUid
 * @property {number} frameNumber 1-based
 * @property {string | null} address of its stored values; null: there are none to show
 * @property {boolean} isTooDeep its pixels must not be asked for
 * @property {boolean} mayIdentify they are left out of a de-identified view
 * @property {import('../../shared/geometry.js').Plane | null} plane null: no place in the patient
 * @property {number | null} rows
 * @property {number | null} columns
 * @property {number} slope
 * @property {number} intercept
 * @property {readonly [number, number] | null} padding
 * @property {number | null} bitsStored so many low bits of a stored value are its own
 * @property {boolean} isSigned
 * @property {import('./windows.js').Range | null} window
 * @property {string[]} notApplied keys of words: what the image asks for and the page does not do
 * @property {boolean} isInverted MONOCHROME1
 * @property {string | null} unit
 * @property {string} reason why it has no place, '' where it has one
 * @property {readonly number[]} reach mm below and above the plane, along the normal, in which it shows a place
 *
 * @typedef {object} Sequence
 * @property {string} key
 * @property {string} frameOfReferenceUid '' without a place
 * @property {string} role '' without a place
 * @property {Picture[]} pictures
 *
 * @typedef {object} Series
 * @property {string} uid
 * @property {string} modality
 * @property {number | null} number
 * @property {string} description
 * @property {Sequence[]} sequences
 */

/** Modalities of objects without pictures. */
const WITHOUT_PICTURES = ['REG', 'SR', 'KO', 'PR', 'RTSTRUCT', 'RTPLAN', 'RTRECORD', 'DOC', 'AU', 'ECG', 'HD', 'FID', 'RWV', 'PLAN'];

const MOST_FRAMES = 5_000; // of one instance without a place

/** @param {any} answer of GET /series/{series}/stacks @returns {Series} */
export function readSeries(answer) {
  const sequences = answer.stacks.map(sequenceOf);
  const others = answer.notIndexed.flatMap(picturesWithoutPlace);
  if (others.length > 0) {
    sequences.push({ key: 'none', frameOfReferenceUid: '', role: '', pictures: others });
  }
  return {
    uid: answer.seriesInstanceUid,
    modality: answer.modality,
    number: answer.seriesNumber,
    description: answer.seriesDescription,
    sequences,
  };
}

/** @param {any} stack @returns {Sequence} */
function sequenceOf(stack) {
  return {
    key: String(stack.index),
    frameOfReferenceUid: stack.frameOfReferenceUid,
    role: stack.role,
    pictures: stack.planes.map((/** @type {any} */ plane) => {
      const { imageOrientationPatient, pixelSpacing, ...pixels } = plane.ownGeometry ?? stack;
      return {
        ...pictureOf({ ...plane, ...sizeOf(pixels) }),
        reach: plane.reachMm,
        plane: { position: plane.imagePositionPatient, orientation: imageOrientationPatient, spacing: pixelSpacing },
      };
    }),
  };
}

/** @param {any} stack */
function sizeOf({ rows, columns, samplesPerPixel, photometricInterpretation, bitsStored, highBit, pixelRepresentation }) {
  return { rows, columns, samplesPerPixel, photometricInterpretation, bitsStored, highBit, pixelRepresentation };
}

/** @param {any} told @returns {Picture} */
function pictureOf(told) {
  const { pixelPaddingValue: padding, pixelPaddingRangeLimit: limit } = told;
  return {
    instance: told.orthancInstanceId,
    sopInstanceUid: told.sopInstanceUid,
    frameNumber: told.frameNumber,
    address: told.links.pixels,
    isTooDeep: told.links.pixelsReason === 'tooDeep',
    mayIdentify: told.links.pixelsReason === 'mayIdentify',
    plane: null,
    rows: told.rows,
    columns: told.columns,
    slope: told.rescaleSlope ?? 1,
    intercept: told.rescaleIntercept ?? 0,
    padding: padding === null ? null : [Math.min(padding, limit ?? padding), Math.max(padding, limit ?? padding)],
    bitsStored: told.bitsStored ?? null,
    isSigned: told.pixelRepresentation === 1,
    window: windowOf(told),
    notApplied: notAppliedOf(told),
    isInverted: told.photometricInterpretation === 'MONOCHROME1',
    unit: told.unit,
    reason: told.reason ?? '',
    reach: [0, 0],
  };
}

/** @param {any} told @returns {import('./windows.js').Range | null} */
function windowOf({ windowCenter: center, windowWidth: width, voiLutFunction: voi }) {
  if (center === null || width === null || !(width > 0)) {
    return null;
  }
  return voi === 'SIGMOID' || voi === 'LINEAR_EXACT' ? { center, width, voi } : { center, width };
}

/** @param {any} told @returns {string[]} */
function notAppliedOf({ samplesPerPixel, rescaleReason, hasVoiLut, bitsStored, highBit }) {
  return [
    samplesPerPixel === 1 && rescaleReason && 'tile.notRescaled',
    samplesPerPixel === 1 && hasVoiLut && 'tile.noVoiLut',
    Number.isInteger(highBit) && Number.isInteger(bitsStored) && highBit !== bitsStored - 1 && 'tile.highBit',
  ].filter(Boolean);
}

/** @param {any} instance of `notIndexed` @returns {Picture[]} */
function picturesWithoutPlace(instance) {
  const count = Math.min(Math.max(1, instance.numberOfFrames), MOST_FRAMES);
  /** @type {number[]} */
  const numbers = instance.frameNumbers ?? Array.from({ length: count }, (_, at) => at + 1);
  return numbers.map((frameNumber) => {
    const picture = pictureOf({ ...instance, frameNumber });
    return { ...picture, address: picture.address && pixelsPath(instance.orthancInstanceId, frameNumber) };
  });
}

/** Series that were asked for, each once. */
export class SeriesBook {
  /** @param {import('../../shared/api.js').Api} api */
  constructor(api) {
    this.api = api;
    /** @type {Map<string, Series>} */
    this.known = new Map();
    /** @type {Map<string, Promise<Series>>} */
    this.asked = new Map();
  }

  /** @param {string} uid SeriesInstanceUID or Orthanc id @returns {Promise<Series>} */
  get(uid) {
    const known = this.known.get(uid);
    if (known !== undefined) {
      return Promise.resolve(known);
    }
    let asked = this.asked.get(uid);
    if (asked === undefined) {
      asked = this.api.stacks(uid).then((answer) => {
        const series = readSeries(answer);
        this.known.set(uid, series);
        return series;
      }).finally(() => this.asked.delete(uid));
      this.asked.set(uid, asked);
    }
    return asked;
  }

  /** It may have changed. @param {string} uid */
  forget(uid) {
    this.known.delete(uid);
  }
}

/**
 * Where a frame is in a series.
 *
 * @param {Series} series
 * @param {string} sopInstanceUid
 * @param {number} frameNumber
 * @returns {{sequence: Sequence, at: number} | null}
 */
export function findPicture(series, sopInstanceUid, frameNumber) {
  for (const sequence of series.sequences) {
    const at = sequence.pictures.findIndex((picture) => picture.sopInstanceUid === sopInstanceUid
      && picture.frameNumber === frameNumber);
    if (at >= 0) {
      return { sequence, at };
    }
  }
  return null;
}

/** The series of a study that may have something to show. @param {any} study @returns {any[]} */
export function seriesWithPictures({ series }) {
  return series.filter((/** @type {any} */ one) => !WITHOUT_PICTURES.includes(one.modality));
}

/** The series to begin with: most images that have a place, else any with pictures. @param {any} study @returns {any} */
export function seriesToStart(study) {
  const shown = seriesWithPictures(study);
  const rank = (/** @type {any} */ one) => (one.roles.includes('image') ? one.planes : 0);
  return [...shown].sort((a, b) => rank(b) - rank(a))[0];
}

/** Whether any of its images has a place. @param {any} study */
export function hasPlaces({ series }) {
  return series.some((/** @type {any} */ one) => one.planes > 0 && one.roles.includes('image'));
}
