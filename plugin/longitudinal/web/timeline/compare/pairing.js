// @ts-check
/** Which two studies are compared in one picture, how, and how well they are aligned at the place. */

import { COLOURS } from './fusion.js';
import { whyNoDifference } from './pair.js';

/**
 * @typedef {import('../point/tile_model.js').TileModel} TileModel
 * @typedef {import('./pair.js').Mode} Mode
 */

const SWAP_MS = 400; // 1.25 changes to and fro a second: WCAG 2.3.1 allows three
const HOLD_MS = 350;

export class Pairing {
  /** @param {import('./compare.js').Compare} compare */
  constructor(compare) {
    this.compare = compare;
    this.page = compare.page;
    /** @type {Mode | null} */
    this.mode = null;
    /** @type {TileModel | null} */
    this.first = null;
    /** @type {TileModel | null} in whose tile the pair is shown */
    this.second = null;
    this.isOther = false;
    this.split = 0.5;
    /** Fusion: how much of the first is seen, and in which colours. */
    this.share = 0.5;
    this.colours = COLOURS[0];
    this.pressed = -Infinity;
    /** @type {ReturnType<typeof setInterval> | undefined} */
    this.timer = undefined;
    /** @type {import('../point/messages.js').Message | null} */
    this.problem = null;
    /** @type {{match: any, place: any} | null} how well the two are aligned, for a place of the first */
    this.known = null;
  }

  get isStill() {
    return matchMedia('(prefers-reduced-motion: reduce)').matches;
  }

  /** A key or a button: begins a way of comparing, or ends it. @param {Mode} mode */
  press(mode) {
    this.pressed = performance.now();
    if (this.mode === mode && mode === 'blink' && this.isStill) {
      this.swap();
    } else if (this.mode === mode) {
      this.end();
    } else {
      this.begin(mode);
    }
  }

  /** A key is let go: one that was held was for one look. @param {string} key */
  release(key) {
    if (key.toLowerCase() === 'b' && this.mode === 'blink' && performance.now() - this.pressed > HOLD_MS) {
      this.end();
    }
  }

  /** @param {Mode} mode @param {TileModel | null} [first] @param {TileModel | null} [second] */
  begin(mode, first = this.first, second = this.second) {
    const { page } = this;
    const seen = page.visible().filter((/** @type {TileModel} */ tile) => isComparable(tile));
    const usable = (/** @type {TileModel | null} */ tile) => (tile !== null && page.tiles.includes(tile) ? tile : null);
    const one = usable(first) ?? page.asked ?? seen[0] ?? null;
    const active = page.active !== null && isComparable(page.active) && page.active !== one ? page.active : null;
    const chosen = usable(second);
    const other = chosen !== null && chosen !== one ? chosen : active ?? seen.find((tile) => tile !== one) ?? null;
    if (one === null || other === null) {
      page.say({ key: 'pair.onlyOne' });
      return;
    }
    Object.assign(this, { mode, first: one, second: other, isOther: mode === 'blink', problem: null, known: null });
    clearInterval(this.timer);
    if (mode === 'blink' && !this.isStill) {
      this.timer = setInterval(() => this.swap(), SWAP_MS);
    }
    this.judge();
    page.redraw();
  }

  /** Other studies, the same way. @param {TileModel} first @param {TileModel} second */
  choose(first, second) {
    const { mode } = this;
    if (mode !== null && first !== second) {
      this.end();
      this.begin(mode, first, second);
    }
  }

  /** The first becomes the second. */
  exchange() {
    if (this.first !== null && this.second !== null) {
      this.choose(this.second, this.first);
    }
  }

  /** What the pair is shown as may have to change: another series, or its values have just come. */
  judge() {
    const { first, second } = this;
    const [a, b] = [first?.shown, second?.shown];
    this.problem = this.mode === 'difference' && a && b
      ? whyNoDifference({ modality: a.series.modality, unit: a.picture.unit }, { modality: b.series.modality, unit: b.picture.unit }) : null;
    this.measure();
  }

  end() {
    if (this.mode !== null) {
      clearInterval(this.timer);
      Object.assign(this, { mode: null, problem: null, known: null, first: null, second: null });
      this.page.redraw();
    }
  }

  swap() {
    this.isOther = !this.isOther;
    this.second?.changed();
  }

  /** @param {number} split share of the width, 0 to 1 */
  move(split) {
    this.split = split;
    this.second?.changed();
  }

  /** How the first lies over the second. @param {{share?: number, colours?: string}} how */
  fuse(how) {
    Object.assign(this, how);
    this.page.changed();
    this.second?.changed();
  }

  /** Whether a tile has one study in colour over another, on the clicked plane. @param {TileModel} tile */
  isFused(tile) {
    return this.mode === 'fusion' && this.second === tile && this.compare.isOnPlane(tile);
  }

  /** How well the transforms between the two are known at the place. */
  async measure() {
    const { first, second } = this;
    const match = first?.match ?? null;
    const target = second?.match?.frameOfReferenceUid ?? second?.shown?.sequence.frameOfReferenceUid;
    if (match === null || !target || this.known?.match === match) {
      return;
    }
    const { maps } = this.compare;
    try {
      const point = [match.x, match.y, match.z];
      const { places } = await maps.map(`place ${point}`, match.frameOfReferenceUid, target, [point], this.page.life.signal);
      if (this.first === first && this.second === second) {
        this.known = { match, place: places[0] };
        second?.changed();
      }
    } catch {
      // the next change asks again; until then nothing is said of it
    }
  }
}

/** @param {TileModel} tile */
export function isComparable({ shown }) {
  return shown !== null && shown.frame !== null && shown.picture.plane !== null && shown.frame.samples === 1;
}
