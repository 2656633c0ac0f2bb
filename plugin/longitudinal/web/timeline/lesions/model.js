// @ts-check
/** Lesions of the patient and their diameters, study by study: drawn here, or kept in the archive. */

import { distance } from '../../shared/geometry.js';
import { Observable } from '../../shared/observable.js';
import { detailOf } from '../point/messages.js';
import { sumsOf } from './arithmetic.js';
import { keep, lesionsOf, remember, rename, unkeep } from './kept.js';

/**
 * @typedef {import('../../shared/geometry.js').Vector} Vector
 * @typedef {'long' | 'short'} Axis
 * @typedef {[Vector, Vector]} Line two points, LPS mm, in the frame of its study
 *
 * @typedef {object} Measured one lesion in one study
 * @property {Line | null} long
 * @property {Line | null} short
 * @property {{sopInstanceUid: string, frameNumber: number} | null} picture where it was drawn
 * @property {boolean} isGone nothing of it is left
 * @property {boolean} isKept in the archive as it is
 * @property {string} by who measured, '' for a drawing that is not kept
 *
 * @typedef {object} Lesion
 * @property {string} id
 * @property {string} name
 * @property {string} organ
 * @property {boolean} isNode
 * @property {Map<string, Measured>} studies by StudyInstanceUID
 * @property {Map<string, Measured[]>} others what other software measured, beside it
 * @property {boolean} isStored whether its id is that of a place in the archive
 * @property {string} [storedName] what the archive calls it
 */

/** Shorter is no diameter but a click. */
export const LEAST_MM = 0.5;

export class LesionsModel extends Observable {
  /** @param {import('../point/page_model.js').PageModel} page */
  constructor(page) {
    super();
    this.page = page;
    /** @type {Lesion[]} */
    this.lesions = [];
    /** @type {Lesion | null} */
    this.selected = null;
    /** @type {Axis} what is drawn next */
    this.axis = 'long';
    this.isDrawing = false;
    this.isKeeping = false;
    this.baseline = '';
    this.made = 0;
    /** @type {import('../point/messages.js').Message | null} */
    this.message = null;
  }

  get studies() {
    return this.page.tiles;
  }

  /** @returns {number} of the study that changes are counted from: the chosen one, else the first in which all are measured */
  get baselineIndex() {
    const chosen = this.studies.findIndex((tile) => tile.uid === this.baseline);
    const complete = this.studies.findIndex((tile) => this.lesions.every((lesion) => this.sizeOf(lesion, tile.uid) !== null));
    return chosen >= 0 ? chosen : Math.max(0, complete);
  }

  /** What counts of a lesion in a study, mm: the long axis, of a node the short one. @param {Lesion} lesion @param {string} study */
  sizeOf(lesion, study) {
    const measured = lesion.studies.get(study);
    if (measured === undefined) {
      return null;
    }
    const line = lesion.isNode ? measured.short : measured.long;
    return measured.isGone ? 0 : line && lengthOf(line);
  }

  /** As the arithmetic takes them. */
  get rows() {
    return this.lesions.map((lesion) => ({
      ...lesion, sizes: this.studies.map((tile) => this.sizeOf(lesion, tile.uid)),
    }));
  }

  get sums() {
    return sumsOf(this.rows, this.baselineIndex, this.studies.length);
  }

  get hasUnkept() {
    return this.lesions.some((lesion) => (lesion.storedName !== undefined && lesion.name !== lesion.storedName)
      || [...lesion.studies.values()].some(({ isKept }) => !isKept));
  }

  // The archive

  /** What is kept, beside what is drawn and not kept yet. */
  async load() {
    const { page } = this;
    const { signal } = page.life;
    try {
      const answer = await page.api.ask(`/places?patientId=${encodeURIComponent(page.patient.orthancPatientId)}`, { signal });
      const drawn = new Map(this.lesions.map((lesion) => [lesion.id, lesion]));
      const kept = lesionsOf(answer).map((lesion) => {
        const unkept = [...drawn.get(lesion.id)?.studies ?? []].filter(([, measured]) => !measured.isKept);
        drawn.delete(lesion.id);
        return { ...lesion, studies: new Map([...lesion.studies, ...unkept]) };
      });
      this.lesions = [...kept, ...[...drawn.values()].filter(({ isStored }) => !isStored)];
      this.selected = this.lesions.find(({ id }) => id === this.selected?.id) ?? null;
    } catch (error) {
      if (!signal.aborted) {
        this.message = { key: 'lesions.notRead', values: { detail: detailOf(error) } };
      }
    }
    this.redraw();
  }

  /** Everything that was drawn and is not kept yet; what stays unkept stays drawn. */
  async keep() {
    const { page } = this;
    const { signal } = page.life;
    this.isKeeping = true;
    this.message = null;
    this.redraw();
    try {
      for (const lesion of this.lesions) {
        for (const [study, measured] of lesion.studies) {
          if (!measured.isKept && measured.picture !== null) {
            const place = await keep(page.api, lesion, measured, await this.planeOf(study, measured), signal);
            lesion.studies.set(study, { ...measured, isKept: true });
            Object.assign(lesion, { id: place.id, isStored: true });
            remember(lesion);
          }
        }
        if (lesion.isStored && lesion.storedName !== undefined && lesion.name !== lesion.storedName) {
          await rename(page.api, lesion, signal);
        }
      }
    } catch (error) {
      if (!signal.aborted) {
        this.message = { key: 'lesions.notKept', values: { detail: detailOf(error) } };
      }
    }
    this.isKeeping = false;
    const { message } = this;
    await this.load();
    this.message = message;
    this.redraw();
  }

  /** @param {string} study @param {Measured} measured @returns {Promise<import('../../shared/geometry.js').Plane>} */
  async planeOf(study, { picture }) {
    const tile = this.studies.find(({ uid }) => uid === study);
    for (const { orthancSeriesId } of tile?.study.series ?? []) {
      const series = await this.page.book.get(orthancSeriesId);
      for (const { pictures } of series.sequences) {
        const found = pictures.find((one) => one.sopInstanceUid === picture?.sopInstanceUid && one.frameNumber === picture.frameNumber);
        if (found?.plane) {
          return found.plane;
        }
      }
    }
    throw new Error('the image is not in the archive any more');
  }

  // Changing

  /** @returns {Lesion} */
  add() {
    this.made += 1;
    const lesion = { id: `drawn.${this.made}`, name: `Lesion ${this.lesions.length + 1}`, organ: '', isNode: false, studies: new Map(), others: new Map(), isStored: false };
    this.lesions = [...this.lesions, lesion];
    this.select(lesion);
    return lesion;
  }

  /** @param {Lesion} lesion */
  select(lesion) {
    this.selected = lesion;
    this.axis = 'long';
    this.redraw();
  }

  /** @param {Lesion} lesion @param {Partial<Lesion>} what */
  change(lesion, what) {
    Object.assign(lesion, what);
    if (lesion.isStored) {
      remember(lesion);
    }
    this.redraw();
  }

  /** One that was only drawn; what is in the archive is cleared study by study. @param {Lesion} lesion */
  remove(lesion) {
    this.lesions = this.lesions.filter((one) => one !== lesion);
    this.selected = this.selected === lesion ? null : this.selected;
    this.redraw();
  }

  /** In one study, in the archive too. @param {Lesion} lesion @param {string} study */
  async clear(lesion, study) {
    const measured = lesion.studies.get(study);
    try {
      if (measured?.isKept) {
        await unkeep(this.page.api, lesion, study, this.page.life.signal);
      }
      lesion.studies.delete(study);
    } catch (error) {
      this.message = { key: 'lesions.failed', values: { detail: detailOf(error) } };
    }
    this.redraw();
  }

  /** @param {Lesion} lesion @param {string} study */
  setGone(lesion, study) {
    lesion.studies.set(study, { long: null, short: null, picture: null, isGone: true, isKept: false, by: '' });
    this.redraw();
  }

  /** @param {Axis} axis */
  setAxis(axis) {
    this.axis = axis;
    this.redraw();
  }

  /** @param {boolean} isDrawing */
  draw(isDrawing) {
    this.isDrawing = isDrawing;
    if (isDrawing && this.selected === null) {
      this.add();
    }
    this.redraw();
  }

  /**
   * A line was drawn, or an end of one was moved.
   *
   * @param {import('../point/tile_model.js').TileModel} tile
   * @param {Axis} axis
   * @param {Line} line
   */
  measure(tile, axis, line) {
    const lesion = this.selected ?? this.add();
    if (lengthOf(line) < LEAST_MM) {
      this.message = { key: 'lesions.tooShort' };
      this.redraw();
      return;
    }
    const picture = tile.shown?.picture;
    const before = lesion.studies.get(tile.uid);
    const isHere = before?.picture?.sopInstanceUid === picture?.sopInstanceUid && before?.picture?.frameNumber === picture?.frameNumber;
    // an axis on another slice is none of this lesion's cross-section
    const other = before && isHere ? before : { long: null, short: null };
    const lines = ordered({ ...other, [axis]: line });
    lesion.studies.set(tile.uid, { ...lines, picture: picture ? { sopInstanceUid: picture.sopInstanceUid, frameNumber: picture.frameNumber } : null,
      isGone: false, isKept: false, by: '' });
    this.message = null;
    this.axis = lines.short === null ? 'short' : 'long';
    this.redraw();
  }

  redraw() {
    this.changed();
    this.page.tiles.forEach((tile) => tile.changed());
  }
}

/** @param {Line} line @returns {number} mm */
export function lengthOf([from, to]) {
  return distance(from, to);
}

/** The longer one is the long axis, whichever was drawn first. @param {{long: Line | null, short: Line | null}} lines */
function ordered({ long, short }) {
  return long !== null && short !== null && lengthOf(short) > lengthOf(long) ? { long: short, short: long } : { long, short };
}

/** How far the two axes are off a right angle, degrees. @param {Measured} measured @returns {number | null} */
export function offRightAngle({ long, short }) {
  if (long === null || short === null) {
    return null;
  }
  const [a, b] = [long, short].map(([from, to]) => to.map((value, axis) => value - from[axis]));
  const cosine = a.reduce((sum, value, axis) => sum + value * b[axis], 0) / (lengthOf(long) * lengthOf(short));
  return (Math.asin(Math.min(1, Math.abs(cosine))) * 180) / Math.PI;
}
