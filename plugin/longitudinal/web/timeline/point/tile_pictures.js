// @ts-check
/**
 * The picture that a tile shows, and the way to the next.
 *
 * A picture and all that is said of it change together, when the values are here. What was asked for later always wins:
 * every new aim ends the one before.
 */

import { persistently } from '../../shared/retry.js';
import { AHEAD } from '../render/loader.js';
import { frameOf } from './frames.js';
import { pictureMessage } from './messages.js';
import { findPicture } from './series.js';
import { TileGeometry } from './tile_geometry.js';

/**
 * @typedef {import('./series.js').Series} Series
 * @typedef {import('./series.js').Sequence} Sequence
 * @typedef {{series: Series, sequence: Sequence, at: number, match: any}} Target what to show, with the match it is for
 * @typedef {Target & {picture: import('./series.js').Picture, frame: import('../render/sample.js').Frame | null,
 *   answer: number}} Shown `frame` null: it cannot be shown
 * @typedef {import('./messages.js').Message} Message
 */

const AHEAD_SLICES = 4;
const BUSY_MS = 120;

export class TilePictures extends TileGeometry {
  /** @param {import('./page_model.js').PageModel} page @param {any} study as the patient's page lists it */
  constructor(page, study) {
    super(page);
    this.study = study;
    /** @type {Target | null} */
    this.wanted = null;
    /** @type {any} where the place is, by the last answer */
    this.match = null;
    /** @type {Message | null} */
    this.message = null;
    this.isBusy = false;
    /** @type {Message | null} where the linked line is, if that is outside the stack */
    this.outside = null;
    /** Of this study along the plane of another one (compare/). */
    this.isCutting = false;
    /** @type {Message | null} */
    this.cutProblem = null;
    /** @type {'here' | 'server'} */
    this.cutFrom = 'here';
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.busyTimer = undefined;
    this.question = 0;
    this.aiming = new AbortController();
    this.aheadController = new AbortController();
  }

  /** @param {any} match */
  async find(match) {
    const id = this.seriesId(match.seriesInstanceUid);
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const series = await this.page.book.get(id);
      const found = findPicture(series, match.sopInstanceUid, match.frameNumber);
      if (found !== null) {
        return { series, ...found };
      }
      this.page.book.forget(id); // it has grown since
    }
    return null;
  }

  /** The Orthanc id, which is never ambiguous. @param {string} uid */
  seriesId(uid) {
    return this.study.series.find((/** @type {any} */ one) => one.seriesInstanceUid === uid)?.orthancSeriesId ?? uid;
  }

  /** @param {number} at slice, 0-based */
  goTo(at) {
    if (this.onCanvas !== this) {
      /** @type {TilePictures} */ (this.onCanvas).goTo(at);
      return;
    }
    const from = this.wanted ?? this.shown;
    if (from === null) {
      return;
    }
    const bounded = Math.min(Math.max(at, 0), from.sequence.pictures.length - 1);
    if (bounded !== from.at || this.outside !== null) {
      this.outside = null;
      this.turnTo(bounded); // the one that leads is painted first
      this.page.compare.link.moved(/** @type {any} */ (this), bounded);
    }
  }

  /** This tile alone. @param {number} at slice of the stack, 0-based */
  turnTo(at) {
    const from = this.wanted ?? this.shown;
    if (from !== null && at !== from.at) {
      this.lookAhead(from.sequence, at, Math.sign(at - from.at));
      this.aim({ ...from, at, match: this.match });
    } else {
      this.changed();
    }
  }

  /** Nothing to show where the linked line is. @param {Message} outside */
  leaveOut(outside) {
    this.outside = outside;
    this.changed();
  }

  /** @param {number} slices */
  step(slices) {
    const { wanted, shown } = /** @type {TilePictures} */ (this.onCanvas);
    const from = wanted ?? shown;
    if (from !== null) {
      this.goTo(from.at + slices);
    }
  }

  /** Said only where it lasts: most of the time the picture is here before anybody could read it. */
  busy() {
    this.isBusy = true;
    clearTimeout(this.busyTimer);
    this.busyTimer = setTimeout(() => this.isBusy && this.changed(), BUSY_MS);
  }

  /** What was wanted before is wanted no more. @returns {AbortSignal} */
  restart() {
    this.aiming.abort();
    this.aiming = new AbortController();
    return this.aiming.signal;
  }

  /**
   * Find out what to show, and show it; unless something else is wanted by then.
   *
   * @param {(signal: AbortSignal) => Promise<Target | null>} finding
   */
  async pursue(finding) {
    const signal = this.restart();
    this.wanted = null;
    this.busy();
    try {
      const target = await persistently(() => finding(signal), signal, () => this.say({ key: 'tile.noAnswer' }));
      if (signal.aborted) {
        return;
      }
      if (target === null) {
        this.cannot({ key: 'tile.notThere' });
      } else {
        await this.aim(target, signal);
      }
    } catch (error) {
      this.failed(error, signal);
    }
  }

  /** Show it: at once where its values are here. @param {Target} target @param {AbortSignal} [signal] */
  async aim(target, signal = this.restart()) {
    this.wanted = target;
    const { address, isTooDeep, mayIdentify } = target.sequence.pictures[target.at];
    if (address === null) {
      this.show(target, null, { key: mayIdentify ? 'share.hidden' : isTooDeep ? 'tile.tooDeep' : 'tile.noPixels' });
      return;
    }
    const href = this.page.api.href(address);
    const ready = this.page.loader.ready(href);
    if (ready !== undefined) {
      this.show(target, ready, null);
      return;
    }
    this.busy();
    try {
      const load = () => this.page.loader.load(href, signal);
      const pixels = await persistently(load, signal, () => this.say({ key: 'tile.noAnswer' }));
      if (!signal.aborted) {
        this.show(target, pixels, null);
      }
    } catch (error) {
      this.failed(error, signal);
    }
  }

  /** @param {unknown} error @param {AbortSignal} signal */
  failed(error, signal) {
    if (signal.aborted) {
      return;
    }
    const message = pictureMessage(error, this.wanted !== null);
    if (this.wanted !== null) {
      this.show(this.wanted, null, message);
    } else {
      this.cannot(message);
    }
  }

  /** Nothing to show: what was there belongs to an older question. @param {Message} message */
  cannot(message) {
    this.shown = null;
    this.isBusy = false;
    this.say(message);
  }

  /** @param {Target} target @param {import('../render/npy.js').Pixels | null} pixels @param {Message | null} message */
  show(target, pixels, message) {
    const picture = target.sequence.pictures[target.at];
    const frame = pixels === null ? null : frameOf(pixels, picture);
    const { shown: before } = this;
    if (target.sequence !== before?.sequence || target.match !== before.match) {
      this.page.foresight.learnSoon();
    }
    this.shown = { ...target, picture, frame, answer: this.question };
    this.isBusy = false;
    this.message = message;
    if (this.page.mmPerPixel === null) {
      this.page.fit(/** @type {any} */ (this));
    }
    this.changed();
    this.page.compare.showed(/** @type {any} */ (this), before?.sequence !== target.sequence || before.match !== target.match);
  }

  /** @param {Message | null} message */
  say(message) {
    this.message = message;
    this.changed();
  }

  /** @param {Sequence} sequence @param {number} at @param {number} direction */
  lookAhead(sequence, at, direction) {
    this.aheadController.abort();
    this.aheadController = new AbortController();
    for (let step = 1; step <= AHEAD_SLICES; step += 1) {
      const address = sequence.pictures[at + step * direction]?.address;
      if (address) {
        this.page.loader.load(this.page.api.href(address), this.aheadController.signal, AHEAD).catch(() => {});
      }
    }
  }

  leave() {
    this.aiming.abort();
    this.aheadController.abort();
  }
}
