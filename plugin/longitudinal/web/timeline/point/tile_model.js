// @ts-check
/** One study on the page: what it shows, where the place is in it, or why it is not. */

import { nearestPlane } from '../../shared/geometry.js';
import { seriesToStart, seriesWithPictures } from './series.js';
import { TilePictures } from './tile_pictures.js';
import { changedRange, changeOf, rangeOf } from './windows.js';

/** @typedef {import('./series.js').Sequence} Sequence */
/** @typedef {import('./messages.js').Message} Message */

export class TileModel extends TilePictures {
  /** @param {import('./page_model.js').PageModel} page @param {any} study as the patient's page lists it */
  constructor(page, study) {
    super(page, study);
    /** @type {any} why it is not */
    this.unresolved = null;
    /** @type {{state: 'running' | 'done' | 'failed', result?: any, before?: any, message?: Message} | null} */
    this.refinement = null;
    /** @type {any} a job of the server for this study */
    this.job = null;
    this.isWithdrawn = false;
    this.isVisible = true;
    /** 1: each pixel of the frame took part in the picture; 2, 4...: means of so many by so many did */
    this.reduction = 1;
    this.isPlaying = false;
    this.isInverted = false;
    /** @type {WeakMap<Sequence, import('./windows.js').Range>} as the user set them */
    this.ranges = new WeakMap();
    /** @type {WeakMap<Sequence, import('./windows.js').Range>} as the images have them */
    this.ownRanges = new WeakMap();
    /** @type {{x: number, y: number} | null} of the mouse, on the canvas */
    this.pointer = null;
    /** @type {{row: number, column: number} | null} the place while it is dragged */
    this.draft = null;
  }

  get uid() {
    return this.study.studyInstanceUid;
  }

  get isAsked() {
    return this.page.asked === this;
  }

  /** Whether the picture belongs to what was asked last. */
  get isCurrent() {
    return this.shown !== null && this.shown.match === this.match;
  }

  // What is shown

  /** @param {any} match @param {number} question */
  showMatch(match, question) {
    Object.assign(this, {
      match, question, unresolved: null, refinement: null, isWithdrawn: false, message: null, draft: null,
    });
    this.place();
  }

  /** @param {any} unresolved @param {number} question */
  showUnresolved(unresolved, question) {
    this.aiming.abort();
    Object.assign(this, {
      unresolved, question, match: null, shown: null, wanted: null, refinement: null, isWithdrawn: false, message: null,
      draft: null, isBusy: false,
    });
    if (unresolved.reason === 'notIndexable') {
      this.begin(); // shown as it is
    }
    this.changed();
  }

  /** What refining came to: the match to go by, and the one before. @param {any} result @param {any} before */
  showRefined(result, before) {
    if (result === undefined || result.match === null) {
      this.refinement = { state: 'failed', message: { key: result ? 'refine.changed' : 'refine.none' } };
      this.changed();
      return;
    }
    this.refinement = { state: 'done', result, before };
    this.match = result.match;
    this.place();
  }

  /** A transform that led here is gone: the place has no ground any more. */
  withdraw() {
    this.isWithdrawn = true;
    this.changed();
  }

  /** Have the match on the screen; only what is seen is loaded. */
  place() {
    const { match } = this;
    if (match === null || !this.isVisible) {
      this.changed();
      return;
    }
    this.pursue(async () => {
      const found = await this.find(match); // pixels come after it: not all may be asked for
      return found && { ...found, match };
    });
  }

  /** Something to look at, before there is a place. */
  begin() {
    if (this.shown !== null || this.wanted !== null || this.isBusy || !this.isVisible) {
      return;
    }
    const series = seriesToStart(this.study);
    if (series === undefined) {
      this.say({ key: 'tile.noSeries' });
    } else {
      this.showSeries(series.seriesInstanceUid);
    }
  }

  /** Another series of the study. @param {string} uid @param {string} [key] of the sequence */
  showSeries(uid, key) {
    return this.pursue(async () => {
      const series = await this.page.book.get(this.seriesId(uid));
      const longest = [...series.sequences].sort((a, b) => b.pictures.length - a.pictures.length)[0];
      const sequence = series.sequences.find((one) => one.key === key) ?? longest;
      return sequence === undefined ? null : { series, sequence, at: this.startOf(sequence), match: this.match };
    });
  }

  /** @param {Sequence} sequence */
  startOf(sequence) {
    const planes = sequence.pictures.map((picture) => picture.plane);
    if (this.match !== null && sequence.frameOfReferenceUid === this.match.frameOfReferenceUid) {
      return nearestPlane(/** @type {any} */ (planes), [this.match.x, this.match.y, this.match.z]);
    }
    return planes[0] === null ? 0 : Math.floor(planes.length / 2);
  }

  /** @param {boolean} isVisible */
  setVisible(isVisible) {
    if (isVisible === this.isVisible) {
      return;
    }
    this.isVisible = isVisible;
    if (isVisible && this.match !== null && this.shown?.match !== this.match) {
      this.place();
    } else if (isVisible && this.shown !== null) {
      this.page.compare.joined(this);
    } else if (isVisible && this.match === null && (this.page.question === null || this.unresolved?.reason === 'notIndexable')) {
      this.begin();
    }
  }

  /** @param {boolean} isPlaying */
  play(isPlaying) {
    this.isPlaying = isPlaying;
    this.changed();
  }

  /** @param {{isFlippedH?: boolean, isFlippedV?: boolean, isInverted?: boolean}} how */
  flip(how) {
    Object.assign(this, how);
    this.changed();
  }

  /** @param {number} by */
  otherSeries(by) {
    const series = seriesWithPictures(this.study);
    const at = series.findIndex((/** @type {any} */ one) => one.seriesInstanceUid === this.shown?.series.uid);
    const next = series[at + by];
    if (next !== undefined) {
      this.showSeries(next.seriesInstanceUid);
    }
  }

  // The window

  /** Whether its values mean the same in every study, so that one window serves all. */
  get isCalibrated() {
    return this.shown?.picture.unit === 'HU';
  }

  /** @returns {import('./windows.js').Range} */
  currentRange() {
    if (this.shown === null) {
      return { center: 0, width: 1 };
    }
    const isLinked = this.page.compare.links('window', this);
    if (isLinked && this.isCalibrated && this.page.sharedRange !== null) {
      return this.page.sharedRange;
    }
    const own = this.ranges.get(this.shown.sequence) ?? this.ownRange(this.shown);
    const change = isLinked && !this.isCalibrated ? this.page.compare.windowChanges.get(this.shown.series.modality) : undefined;
    return change === undefined ? own : changedRange(own, change);
  }

  /** One for the whole stack, or it would flicker from slice to slice. @param {import('./tile_pictures.js').Shown} shown */
  ownRange({ sequence, picture, frame }) {
    let own = this.ownRanges.get(sequence);
    if (own === undefined && frame !== null) {
      own = picture.window ?? rangeOf(frame, 0.01);
      this.ownRanges.set(sequence, own);
    }
    return own ?? { center: 0, width: 1 };
  }

  /** @param {import('./windows.js').Range | null} range null: what the images say */
  setRange(range) {
    if (this.shown === null) {
      return;
    }
    const { page, shown: { series, sequence } } = this;
    const isLinked = page.compare.links('window', this);
    if (isLinked && this.isCalibrated) {
      page.sharedRange = range;
      page.redraw();
    } else if (isLinked && range !== null) {
      page.compare.windowChanges.set(series.modality, changeOf(this.ranges.get(sequence) ?? this.ownRange(this.shown), range));
      page.redraw();
    } else {
      this.setOwnRange(range);
    }
  }

  /** Of this study alone. @param {import('./windows.js').Range | null} range null: what the images say */
  setOwnRange(range) {
    if (this.shown === null) {
      return;
    }
    if (range === null) {
      this.ranges.delete(this.shown.sequence);
    } else {
      this.ranges.set(this.shown.sequence, range);
    }
    this.page.compare.kept.tell();
    this.changed();
  }
}
