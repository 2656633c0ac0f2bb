// @ts-check
/** Two studies that are aligned by hand: pairs of landmarks, a rough start, the fit, and what becomes of it. */

import { Problem } from '../../shared/api.js';
import { applied } from '../../shared/geometry.js';
import { Observable } from '../../shared/observable.js';
import { persistently } from '../../shared/retry.js';
import { hasWord, word } from '../../shared/words.js';
import { followJob } from '../point/jobs.js';
import { detailOf } from '../point/messages.js';
import { SeriesBook, seriesToStart } from '../point/series.js';
import { FrameLoader } from '../render/loader.js';
import { fitRigid, fromSix, identity, inverse, LEAST_PAIRS, product, residuals, toSix } from './fit.js';
import { Volume } from './volume.js';

/** @typedef {'source' | 'target'} Side @typedef {import('./fit.js').Matrix} Matrix */

export const SIDES = /** @type {const} */ (['source', 'target']);
const SERVER_MS = 60; // after the last change

export class AlignModel extends Observable {
  /** @param {import('../../shared/api.js').Api} api */
  constructor(api) {
    super();
    this.api = api;
    this.loader = new FrameLoader((address, init) => api.request(address, init));
    this.book = new SeriesBook(api);
    this.life = new AbortController();
    /** @type {any} */
    this.patient = null;
    /** @type {Record<Side, any>} */
    this.studies = { source: null, target: null };
    /** @type {Record<Side, Volume | null>} */
    this.volumes = { source: null, target: null };
    /** @type {Record<Side, number[]>} LPS mm: where the three cuts meet */
    this.cursors = { source: [0, 0, 0], target: [0, 0, 0] };
    /** @type {import('./fit.js').Pair[]} whole pairs */
    this.pairs = [];
    /** @type {Partial<Record<Side, number[]>>} of the pair that is begun */
    this.begun = {};
    /** @type {Matrix} where the target is from the source, roughly */
    this.rough = identity();
    this.isRough = false; // the overlay is dragged, not landmarks set
    this.hasRough = false;
    /** @type {{matrix: Matrix, residuals: number[]} | null} of the pairs, at once */
    this.fit = null;
    /** @type {any} what the server says of the same pairs */
    this.answer = null;
    /** @type {import('../point/messages.js').Message | null} */
    this.message = null;
    /** @type {any} of the automatic alignment */
    this.job = null;
    /** @type {any} the transform that was kept */
    this.saved = null;
    this.isSaving = false;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    this.number = 0;
  }

  leave() {
    this.life.abort();
    clearTimeout(this.timer);
  }

  /** @param {{patient: string, source?: string, target?: string}} which studies by StudyInstanceUID or Orthanc id */
  async open({ patient, source, target }) {
    const { signal } = this.life;
    try {
      this.patient = await persistently(() => this.api.patient(patient, { signal }), signal, () => this.say({ key: 'page.noAnswer' }));
      const { studies } = this.patient;
      const named = (/** @type {string | undefined} */ id) => studies.find((/** @type {any} */ study) => [study.studyInstanceUid, study.orthancStudyId].includes(id));
      this.studies = { source: named(source) ?? studies[0], target: named(target) ?? studies.find((/** @type {any} */ one) => one !== (named(source) ?? studies[0])) };
      this.message = null;
      this.changed();
      await Promise.all(SIDES.map((side) => this.show(side)));
    } catch (error) {
      this.fail(error, 'align.failed');
    }
  }

  /** @param {Side} side @param {string} [seriesUid] */
  async show(side, seriesUid) {
    const study = this.studies[side];
    const series = study && (study.series.find((/** @type {any} */ one) => one.seriesInstanceUid === seriesUid) ?? seriesToStart(study));
    if (!series) {
      this.say({ key: 'align.noImages' });
      return;
    }
    const read = await this.book.get(series.orthancSeriesId);
    const sequences = read.sequences.filter(({ role }) => role === 'image');
    const [longest] = sequences.sort((a, b) => b.pictures.length - a.pictures.length);
    if (longest === undefined) {
      this.say({ key: 'align.noImages' });
      return;
    }
    const volume = new Volume(read, longest);
    this.volumes[side] = volume;
    this.cursors[side] = volume.centre;
    const { source, target } = this.volumes;
    if (source !== null && target !== null && !this.hasRough) { // middle on middle, until somebody knows better
      this.rough = fromSix([...target.centre.map((value, axis) => value - source.centre[axis]), 0, 0, 0], source.centre);
    }
    this.changed();
    await volume.load(this.api, this.loader, this.life.signal, () => this.changed());
  }

  /** Whether both are in the same coordinates, and nothing is to be aligned. */
  get isSameFrame() {
    const { source, target } = this.volumes;
    return source !== null && target !== null && source.frameOfReferenceUid === target.frameOfReferenceUid;
  }

  /** The best that is known of where the target is: the fit, else the rough start. @returns {Matrix} */
  get matrix() {
    return this.fit?.matrix ?? this.rough;
  }

  /** The six numbers of the rough start. */
  get six() {
    return toSix(this.rough, this.pivot);
  }

  get pivot() {
    return this.volumes.source?.centre ?? [0, 0, 0];
  }

  // Landmarks

  /** The cuts of a side meet here; the other side follows where it is not being marked. @param {Side} side @param {number[]} point @param {boolean} [isFollowed] */
  moveTo(side, point, isFollowed = false) {
    this.cursors = { ...this.cursors, [side]: point };
    if (isFollowed) {
      const other = side === 'source' ? 'target' : 'source';
      this.cursors[other] = applied(side === 'source' ? this.matrix : inverse(this.matrix), point);
    }
    this.changed();
  }

  /** A landmark was set. @param {Side} side @param {number[]} point */
  mark(side, point) {
    this.begun = { ...this.begun, [side]: point };
    const other = side === 'source' ? 'target' : 'source';
    const isWhole = this.begun.source !== undefined && this.begun.target !== undefined;
    if (isWhole) {
      this.pairs = [...this.pairs, /** @type {any} */ (this.begun)];
      this.begun = {};
      this.moveTo(side, point);
      this.refit();
    } else {
      this.moveTo(side, point, this.begun[other] === undefined);
    }
  }

  /** A landmark was dragged. @param {number} at @param {Side} side @param {number[]} point */
  change(at, side, point) {
    this.pairs = this.pairs.map((pair, number) => (number === at ? { ...pair, [side]: point } : pair));
    this.refit();
  }

  /** @param {number} at */
  remove(at) {
    this.pairs = this.pairs.filter((_, number) => number !== at);
    this.refit();
  }

  /** @param {number} at */
  goTo(at) {
    this.cursors = { source: [...this.pairs[at].source], target: [...this.pairs[at].target] };
    this.changed();
  }

  cancelBegun() {
    this.begun = {};
    this.changed();
  }

  /** At once here, and then by the server, whose word counts. */
  refit() {
    this.saved = null;
    this.answer = null;
    this.fit = null;
    if (this.pairs.length >= LEAST_PAIRS) {
      const matrix = fitRigid(this.pairs);
      this.fit = { matrix, residuals: residuals(matrix, this.pairs) };
    }
    this.message = null;
    this.changed();
    this.askServer();
  }

  askServer() {
    clearTimeout(this.timer);
    this.number += 1;
    const { number } = this;
    if (this.pairs.length >= LEAST_PAIRS) {
      this.timer = setTimeout(async () => {
        try {
          const answer = await this.api.ask('/transforms/fit', { body: { ...this.request(), points: [this.cursors.source] }, signal: this.life.signal });
          if (number === this.number) {
            this.answer = answer;
            this.changed();
          }
        } catch (error) {
          if (number === this.number) {
            this.fit = null; // landmarks that are mirrored or in a line fit nothing
            this.fail(error, 'align.refused');
          }
        }
      }, SERVER_MS);
    }
  }

  request() {
    return {
      sourceFrameOfReferenceUid: this.volumes.source?.frameOfReferenceUid, targetFrameOfReferenceUid: this.volumes.target?.frameOfReferenceUid,
      patientId: this.patient.orthancPatientId, landmarks: this.pairs, method: 'rigid',
    };
  }

  // The rough start

  /** @param {Matrix} matrix */
  setRough(matrix) {
    this.rough = matrix;
    this.hasRough = true;
    this.changed();
  }

  /** The target is moved against the source, in the source's frame. @param {Matrix} motion */
  moveTarget(motion) {
    this.setRough(product(this.rough, inverse(motion)));
  }

  /** @param {number} at @param {number} value one of the six numbers */
  setSix(at, value) {
    if (Number.isFinite(value)) {
      const six = this.six;
      six[at] = value;
      this.setRough(fromSix(six, this.pivot));
    }
  }

  // What becomes of it

  /** As a registration object: the pairs, or the rough start as it is. */
  async save() {
    this.isSaving = true;
    this.message = null;
    this.changed();
    const { landmarks, method, ...frames } = this.request();
    const body = this.fit !== null ? { ...frames, landmarks, method } : { ...frames, matrix: this.rough };
    try {
      this.saved = await this.api.ask('/transforms', { body, signal: this.life.signal });
    } catch (error) {
      this.fail(error, 'align.notSaved');
    }
    this.isSaving = false;
    this.changed();
  }

  /** Begin the automatic alignment here. */
  async handOver() {
    const { signal } = this.life;
    const { sourceFrameOfReferenceUid, targetFrameOfReferenceUid } = this.request();
    const initial = { sourceFrameOfReferenceUid, targetFrameOfReferenceUid, ...(this.fit === null ? { matrix: this.rough } : { landmarks: this.pairs }) };
    this.message = null;
    try {
      const studyInstanceUids = SIDES.map((side) => this.studies[side].orthancStudyId);
      const { jobs } = await this.api.align({ studyInstanceUids, initial }, { signal });
      for (const { id } of jobs) {
        this.job = await followJob(this.api, id, signal, (job) => {
          this.job = job;
          this.changed();
        });
      }
    } catch (error) {
      this.fail(error, 'align.notStarted');
    }
    this.changed();
  }

  /** @param {unknown} error @param {string} key */
  fail(error, key) {
    if (this.life.signal.aborted) {
      return;
    }
    const fault = `align.fault.${error instanceof Problem ? error.code : ''}`;
    const detail = detailOf(error);
    this.say({ key, values: { detail: hasWord(fault) ? `${word(fault)} (${detail})` : detail } });
  }

  /** @param {import('../point/messages.js').Message | null} message */
  say(message) {
    this.message = message;
    this.changed();
  }
}

