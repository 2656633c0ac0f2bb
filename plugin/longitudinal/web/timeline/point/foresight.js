// @ts-check
/**
 * Which frames an answer will name, worked out while the server works on it, so that they are on their way by then.
 *
 * A guess decides what is fetched early and nothing else: what is shown is what the answer says. A wrong guess is a frame
 * that was fetched in vain.
 */

import { affineOf, applied, nearestPlane, pointOf } from '../../shared/geometry.js';
import { pause } from '../../shared/retry.js';
import { Problem } from '../../shared/api.js';

/** @typedef {import('./tile_model.js').TileModel} TileModel */

const SETTLED_MS = 300; // nothing new was shown for so long
const ARM_MM = 40; // between the points that are mapped: a straight map near the place is good enough

export class Foresight {
  /** @param {import('./page_model.js').PageModel} page */
  constructor(page) {
    this.page = page;
    /** @type {Map<string, number[][] | null>} from frame to frame, three rows of four; null: no way */
    this.maps = new Map();
    this.learning = new AbortController();
    this.fetching = new AbortController();
  }

  /** Frames may be joined in another way now. */
  forget() {
    this.leave();
    this.maps.clear();
  }

  leave() {
    this.learning.abort();
    this.fetching.abort();
  }

  /** Something else is shown: learn how its frame lies to the others, once it is quiet. */
  async learnSoon() {
    this.learning.abort();
    this.learning = new AbortController();
    const { signal } = this.learning;
    try {
      await pause(SETTLED_MS, signal);
      for (const tile of this.page.tiles) {
        await this.learn(tile, signal);
      }
    } catch (error) {
      if (!signal.aborted && !(error instanceof Problem)) {
        throw error;
      } // without it a click takes a few milliseconds longer
    }
  }

  /** @param {TileModel} tile @param {AbortSignal} signal */
  async learn(tile, signal) {
    const { asked } = this.page;
    const from = frameIn(asked);
    const to = frameIn(tile);
    const picture = asked?.shown?.picture;
    if (!picture?.plane || from === '' || to === '' || from === to || !tile.isVisible || this.maps.has(`${from}>${to}`)) {
      return;
    }
    const middle = pointOf(picture.plane, (picture.rows ?? 1) / 2, (picture.columns ?? 1) / 2);
    const points = [middle, ...[0, 1, 2].map((axis) => middle.map((value, at) => value + (at === axis ? ARM_MM : 0)))];
    const answer = await this.page.api.map({ patientId: this.page.patient.patientId, sourceFrameOfReferenceUid: from,
      targetFrameOfReferenceUid: to, points }, { signal });
    this.maps.set(`${from}>${to}`, straightMap(points, answer.points.map((/** @type {any} */ one) => one.point)));
  }

  /** Have the frames on their way that an answer to this click will name. @param {TileModel} tile @param {{row: number, column: number}} pixel */
  fetch(tile, { row, column }) {
    this.fetching.abort();
    this.fetching = new AbortController();
    const plane = tile.shown?.picture.plane;
    if (!plane) {
      return;
    }
    const point = pointOf(plane, row, column);
    for (const other of this.page.tiles) {
      const address = other === tile || !other.isVisible ? null : this.addressIn(other, frameIn(tile), point);
      if (address) {
        this.page.loader.load(this.page.api.href(address), this.fetching.signal).catch(() => {});
      }
    }
  }

  /** The answer is here: what no tile has asked for, once each has found its picture, was guessed wrong. */
  answered() {
    const { fetching } = this;
    setTimeout(() => fetching.abort()); // tiles ask a few microtasks later; a frame that is on its way is not to be fetched again
  }

  /** @param {TileModel} tile @param {string} from @param {readonly number[]} point @returns {string | null} */
  addressIn(tile, from, point) {
    const sequence = tile.shown?.sequence;
    const to = frameIn(tile);
    const map = this.maps.get(`${from}>${to}`);
    if (!sequence || from === '' || to === '' || (from !== to && !map)) {
      return null;
    }
    const place = map ? applied(map, point) : point;
    const planes = /** @type {any[]} */ (sequence.pictures.map((picture) => picture.plane));
    return sequence.pictures[nearestPlane(planes, place)].address;
  }
}

/** @param {TileModel | null} tile @returns {string} '' without a place */
function frameIn(tile) {
  return tile?.shown?.sequence.frameOfReferenceUid ?? '';
}

/** @param {number[][]} from four points, `ARM_MM` apart along the axes @param {(number[] | null)[]} to @returns {number[][] | null} */
export function straightMap(from, to) {
  return to.includes(null) ? null : affineOf(from[0], /** @type {number[][]} */ (to), ARM_MM);
}
