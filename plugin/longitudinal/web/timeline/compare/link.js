// @ts-check
/**
 * Linked scrolling: all tiles go along one line, from the place along the normal of the clicked images.
 *
 * Whoever scrolls says where on the line that is; each other tile shows the plane nearest to that point in its own frame,
 * or that the point is outside its images. The line is mapped as a whole, so that no step waits for the server.
 */

import { pixelOf, pointOf } from '../../shared/geometry.js';
import { lineThrough, meetingOf, pointAt, pointsOf, StackPlanes } from './line.js';

/**
 * @typedef {import('../point/tile_model.js').TileModel} TileModel
 * @typedef {import('../point/series.js').Sequence} Sequence
 * @typedef {import('./line.js').Curve} Curve
 *
 * @typedef {object} Known a line and what has been mapped of it
 * @property {string} key
 * @property {any} match the place it goes through
 * @property {string} frame FrameOfReferenceUID
 * @property {import('./line.js').Line} line
 * @property {Map<string, Curve | null>} curves by frame; null: on its way, or there is none
 */

/** @type {WeakMap<Sequence, StackPlanes>} */
const STACKS = new WeakMap();

export class Link {
  /** @param {import('./compare.js').Compare} compare */
  constructor(compare) {
    this.compare = compare;
    this.page = compare.page;
    /** mm along the line from the place. */
    this.mm = 0;
    /** @type {Known | null} */
    this.known = null;
    /** @type {{tile: TileModel, at: number} | null} scrolled before its curve was here */
    this.early = null;
  }

  /** Every tile goes back to the place. */
  reset() {
    this.mm = 0;
    this.early = null;
    this.page.tiles.forEach((tile) => {
      tile.outside = null;
      tile.held = null;
    });
  }

  /** The line through the place in the images that were clicked. @returns {Known | null} */
  current() {
    const source = this.page.asked;
    const shown = source?.shown;
    if (!source || !shown || shown.picture.plane === null) {
      return this.known;
    }
    const { sequence } = shown;
    const match = source.match?.frameOfReferenceUid === sequence.frameOfReferenceUid ? source.match : null;
    const key = `${source.uid} ${shown.series.uid} ${sequence.key}`;
    if (this.known === null || this.known.key !== key || this.known.match !== match) {
      this.begin({ key, match, sequence, shown });
    }
    return this.known;
  }

  /** @param {{key: string, match: any, sequence: Sequence, shown: import('../point/tile_pictures.js').Shown}} from */
  begin({ key, match, sequence, shown: { picture, at } }) {
    const { orientation } = /** @type {import('../../shared/geometry.js').Plane} */ (picture.plane);
    const middle = pointOf(/** @type {any} */ (picture.plane), ((picture.rows ?? 1) - 1) / 2, ((picture.columns ?? 1) - 1) / 2);
    const origin = match === null ? middle : [match.x, match.y, match.z];
    const planes = placed(sequence).map((one) => one.plane);
    const line = lineThrough(origin, planes, orientation);
    this.known = { key, match, frame: sequence.frameOfReferenceUid, line, curves: new Map([[sequence.frameOfReferenceUid, pointsOf(line)]]) };
    this.mm = match === null || isOf(match, picture) ? 0
      : meetingOf(line, pointsOf(line), planes[at], this.mm) ?? 0;
  }

  /** Have the line mapped into the frames of all linked tiles, before anybody scrolls. */
  prepare() {
    if (this.compare.switches.scroll && this.current() !== null) {
      this.followers().forEach((tile) => this.curveOf(tile));
    }
  }

  /** So many mm from the place. @param {number} mm */
  goTo(mm) {
    if (this.current() !== null && this.compare.switches.scroll) {
      this.mm = mm;
      this.followers().forEach((tile) => this.place(tile));
    }
  }

  followers() {
    return this.page.tiles.filter((tile) => tile.isVisible && !tile.isWithdrawn && this.compare.links('scroll', tile));
  }

  /**
   * The line in the frame of a tile, asked for where it is not known yet.
   *
   * @param {TileModel} tile
   * @returns {Curve | null}
   */
  curveOf(tile) {
    const { known } = this;
    const frame = sequenceOf(tile)?.frameOfReferenceUid;
    if (known === null || !frame) {
      return null;
    }
    const curve = known.curves.get(frame);
    if (curve === undefined) {
      known.curves.set(frame, null);
      this.ask(known, frame);
    }
    return curve ?? null;
  }

  /** @param {Known} known @param {string} frame */
  async ask(known, frame) {
    const { line } = known;
    const key = `line ${line.origin.join()} ${line.normal.join()} ${line.steps[0]} ${line.steps.length}`;
    try {
      const mapped = await this.compare.maps.map(key, known.frame, frame, pointsOf(line), this.page.life.signal);
      if (mapped.reason !== null) {
        return; // no transform leads there: the tile scrolls alone, and says why in its own words
      }
      known.curves.set(frame, mapped.points);
    } catch {
      known.curves.delete(frame); // the next step asks again
      return;
    }
    if (this.known === known) {
      this.arrived(frame);
    }
  }

  /** @param {string} frame a curve has come */
  arrived(frame) {
    const { early } = this;
    if (early !== null && sequenceOf(early.tile)?.frameOfReferenceUid === frame) {
      this.early = null;
      this.moved(early.tile, early.at);
    } else if (this.mm !== 0) {
      this.followers().filter((tile) => sequenceOf(tile)?.frameOfReferenceUid === frame).forEach((tile) => this.place(tile));
    }
  }

  /**
   * A tile goes to a slice: the others go along.
   *
   * @param {TileModel} tile
   * @param {number} at
   */
  moved(tile, at) {
    tile.outside = null;
    tile.held = null;
    if (!this.compare.links('scroll', tile) || this.current() === null) {
      return;
    }
    const known = /** @type {Known} */ (this.known);
    const curve = this.curveOf(tile);
    const plane = sequenceOf(tile)?.pictures[at]?.plane;
    if (curve === null || !plane) {
      this.early = { tile, at };
      return;
    }
    const mm = meetingOf(known.line, shifted(tile, known, curve), plane, this.mm);
    if (mm === null) {
      return; // its planes lie along the line: it scrolls alone
    }
    this.mm = mm;
    this.compare.kept.tell();
    this.hold(tile, plane);
    this.followers().filter((one) => one !== tile).forEach((one) => this.place(one));
  }

  /** Show where the line is now. @param {TileModel} tile */
  place(tile) {
    const { known } = this;
    const target = tile.wanted ?? tile.shown;
    const curve = this.curveOf(tile);
    if (known === null || target === null || curve === null) {
      return;
    }
    const point = pointAt(known.line, shifted(tile, known, curve), this.mm);
    if (point === null) {
      tile.leaveOut({ key: 'link.outsideTransform' });
      return;
    }
    const { at, beyondMm } = stackOf(target.sequence).nearest(point);
    if (at === null) {
      tile.leaveOut({ key: 'link.outside', values: { mm: beyondMm.toFixed(1) } });
      return;
    }
    tile.outside = null;
    this.hold(tile, /** @type {any} */ (target.sequence.pictures[at].plane));
    tile.turnTo(at);
  }

  /** Where the line is stays where it is on the screen, also in a stack that it crosses at an angle. @param {TileModel} tile @param {import('../../shared/geometry.js').Plane} plane */
  hold(tile, plane) {
    const known = /** @type {Known} */ (this.known);
    const curve = this.curveOf(tile);
    const point = curve && pointAt(known.line, shifted(tile, known, curve), this.mm);
    tile.held = point && this.mm !== 0 && tile !== this.page.asked ? pixelOf(plane, point) : null;
  }
}

/**
 * A curve through the place as it was refined, which is beside where the transform alone has it.
 *
 * @param {TileModel} tile
 * @param {Known} known
 * @param {Curve} curve
 * @returns {Curve}
 */
function shifted({ match, refinement }, { line, frame, match: place }, curve) {
  const start = refinement?.state === 'done' && refinement.result.isRefined && match?.frameOfReferenceUid !== frame && place
    ? pointAt(line, curve, 0) : null;
  if (start === null) {
    return curve;
  }
  const by = [match.x - start[0], match.y - start[1], match.z - start[2]];
  return curve.map((point) => point && point.map((value, axis) => value + by[axis]));
}

/** @param {TileModel} tile */
function sequenceOf(tile) {
  return (tile.wanted ?? tile.shown)?.sequence ?? null;
}

/** @param {any} match @param {import('../point/series.js').Picture} picture */
function isOf(match, picture) {
  return match.sopInstanceUid === picture.sopInstanceUid && match.frameNumber === picture.frameNumber;
}

/** @param {Sequence} sequence @returns {any[]} its pictures, which all have a place */
function placed(sequence) {
  return sequence.pictures.filter((picture) => picture.plane !== null);
}

/** @param {Sequence} sequence */
export function stackOf(sequence) {
  let stack = STACKS.get(sequence);
  if (stack === undefined) {
    stack = new StackPlanes(/** @type {any} */ (sequence.pictures));
    STACKS.set(sequence, stack);
  }
  return stack;
}
