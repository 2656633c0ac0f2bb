// @ts-check
/**
 * One patient on the page: the studies in time order, the question that was asked last, and what all tiles share.
 *
 * Answers are numbered by their question: one that comes after a newer question was asked changes nothing.
 */

import { persistently } from '../../shared/retry.js';
import { Compare } from '../compare/compare.js';
import { studiesOfExam } from '../exams/exam_filter.js';
import { isMarkOnly } from '../radiotherapy/treatments.js';
import { FrameLoader } from '../render/loader.js';
import { Renderer } from '../render/renderer.js';
import { Foresight } from './foresight.js';
import { questionMessage } from './messages.js';
import { hasPlaces, SeriesBook } from './series.js';
import { SharedView } from './shared_view.js';
import { TileModel } from './tile_model.js';
import { watchTransforms } from './watch.js';

const ADDRESS_MS = 250;
const SLOW_MS = 3000; // somebody who waits longer wants to know what for
const KEPT_BYTES = 320 * 2 ** 20; // of frames: with the workers' copies a tab stays below 600 MiB
const AFTER_PAINT_MS = 30; // the answer is painted first

export class PageModel extends SharedView {
  /** @param {import('../../shared/api.js').Api} api @param {(point: any) => void} onAsked told of each question */
  constructor(api, onAsked) {
    super();
    this.api = api;
    this.onAsked = onAsked;
    this.loader = new FrameLoader((address, init) => api.request(address, init), KEPT_BYTES);
    this.renderer = new Renderer();
    this.book = new SeriesBook(api);
    this.foresight = new Foresight(this);
    this.compare = new Compare(this);
    /** @type {import('../lesions/model.js').LesionsModel | null} from when it is first wanted */
    this.lesions = null;
    /** @type {any} what draws diameters on a tile, once it is loaded */
    this.diameters = null;
    /** @type {() => unknown} the view knows how */
    this.openLesions = () => undefined;
    this.openReviews = () => {};
    /** @type {any} */
    this.patient = null;
    /** @type {any} what was asked last, as resolve takes it */
    this.question = null;
    /** @type {string | undefined} the exam whose studies alone are shown and asked for */
    this.exam = undefined;
    this.number = 0;
    this.answered = 0; // the number of the question that is answered
    this.asking = new AbortController();
    this.life = new AbortController();
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.telling = undefined;
    this.told = -Infinity;
    /** @type {(tile: TileModel) => void} gives a tile the focus; the grid knows how */
    this.focusOn = () => {};
    /** @type {{tile: TileModel, row: number, column: number} | null} */
    this.dragged = null;
    this.isFollowing = false;
    /** @type {import('./messages.js').Message | null} */
    this.message = null;
    /** @type {import('./messages.js').Message | null} for who cannot see the page */
    this.announcement = null;
  }

  // Opening

  /** @param {import('../address.js').Address} address */
  async open({ patient, study, point, layout, exam }) {
    this.leave();
    this.foresight.forget();
    this.number += 1; // no answer to an older question counts
    this.life = new AbortController();
    const { signal } = this.life;
    Object.assign(this, { patient: null, tiles: [], asked: null, active: null, question: null, message: null, mmPerPixel: null,
      dragged: null, pageIndex: 0, exam });
    this.compare.opened(layout);
    this.changed();
    try {
      const answer = point && await this.patiently(() => this.api.resolve(this.limited(point), { signal }));
      const shown = study && !answer && await this.patiently(() => this.api.study(study, { signal }));
      const id = answer?.point.patientId ?? shown?.patientId ?? patient;
      await this.loadPatient(id, signal);
      this.compare.kept.studiesCame();
      if (answer) {
        this.question = point;
        this.number += 1;
        this.apply(answer, null);
      } else {
        this.start(shown?.studyInstanceUid);
      }
      watchTransforms(this, signal);
    } catch (error) {
      if (!signal.aborted) {
        this.say(questionMessage(error));
      }
    }
  }

  /** @param {any} question as resolve takes it */
  limited(question) {
    return this.exam ? { ...question, exams: [this.exam] } : question;
  }

  /** @template T @param {() => Promise<T>} attempt */
  patiently(attempt, signal = this.life.signal) {
    return persistently(attempt, signal, (problem) => this.say(questionMessage(problem)));
  }

  /** @param {string} id @param {AbortSignal} signal */
  async loadPatient(id, signal) {
    const patient = await this.patiently(() => this.api.patient(id, { signal }), signal);
    const limit = await this.patiently(() => studiesOfExam(this.api, this.exam, signal), signal);
    const known = new Map(this.tiles.map((tile) => [tile.uid, tile]));
    const studies = patient.studies.filter((/** @type {any} */ study) => !isMarkOnly(study) && (limit === null || limit.has(study.studyInstanceUid)));
    this.tiles = studies.map((/** @type {any} */ study) => {
      const tile = known.get(study.studyInstanceUid) ?? new TileModel(this, study);
      tile.study = study;
      return tile;
    });
    this.patient = patient;
    this.foresight.forget();
    this.message = null;
    this.redraw();
  }

  /** Before anything was asked: the study that was named, else the newest with images. @param {string} [uid] */
  start(uid) {
    const tile = this.tiles.find((one) => one.uid === uid)
      ?? this.tiles.findLast((one) => hasPlaces(one.study)) ?? this.tiles.at(-1);
    if (tile === undefined) {
      this.say({ key: 'page.noStudies' });
      return;
    }
    this.asked = tile;
    tile.begin();
    this.visible().forEach((one) => one.begin()); // after the one that is looked at
    this.redraw();
  }

  /** @param {TileModel} tile */
  goToTile(tile) {
    this.turnToTile(tile);
    this.activate(tile);
    if (this.question === null && this.asked !== tile) {
      this.start(tile.uid);
    }
    requestAnimationFrame(() => this.focusOn(tile)); // its page is drawn by then
  }

  /** @param {TileModel} tile @param {number} by */
  goToNext(tile, by) {
    const next = this.tiles[this.tiles.indexOf(tile) + by];
    if (next !== undefined) {
      this.goToTile(next);
    }
  }

  leave() {
    this.life.abort();
    this.asking.abort();
    this.foresight.leave();
    clearTimeout(this.telling);
    this.compare.leave();
    this.tiles.forEach((tile) => tile.leave());
  }

  // Asking

  /** @param {TileModel} tile @param {{row: number, column: number}} pixel of what it shows */
  askAt(tile, { row, column }) {
    const plane = /** @type {TileModel} */ (tile.onCanvas);
    const picture = plane.shown?.picture;
    if (!picture) {
      return Promise.resolve();
    }
    if (picture.plane === null) {
      tile.say({ key: 'tile.noPlaceToAsk' });
      return Promise.resolve();
    }
    const { sopInstanceUid, frameNumber } = picture;
    const asking = this.ask({ sopInstanceUid, frameNumber, row, column }, plane);
    this.foresight.fetch(plane, { row, column }); // after the question: it goes first
    return asking;
  }

  /** The same question again, where something has changed. */
  repeat() {
    return this.question === null ? Promise.resolve() : this.ask(this.question, this.asked);
  }

  /** @param {any} question as resolve takes it @param {TileModel | null} tile whose image was clicked */
  async ask(question, tile) {
    this.asking.abort();
    this.asking = new AbortController();
    const { signal } = this.asking;
    this.number += 1;
    const { number } = this;
    const slow = setTimeout(() => number === this.number && this.say({ key: 'page.slow' }), SLOW_MS);
    try {
      const answer = await this.patiently(() => this.api.resolve(this.limited(question), { signal }), signal);
      if (number !== this.number) {
        return;
      }
      this.question = question;
      this.answered = number;
      this.message = null;
      this.apply(answer, tile);
      this.tellAddress(question);
    } catch (error) {
      if (number === this.number && !signal.aborted) {
        this.say(questionMessage(error));
      }
    } finally {
      clearTimeout(slow);
    }
  }

  /** Browsers allow no more than a few changes of the address a second. @param {any} question */
  tellAddress(question) {
    clearTimeout(this.telling);
    const wait = Math.max(AFTER_PAINT_MS, this.told + ADDRESS_MS - performance.now());
    this.telling = setTimeout(() => {
      this.told = performance.now();
      this.onAsked(question);
    }, wait);
  }

  /** While the crosshair is dragged: one question at a time, always the newest. @param {TileModel} tile @param {{row: number, column: number}} pixel */
  async follow(tile, pixel) {
    this.dragged = { tile, ...pixel };
    if (this.isFollowing) {
      return;
    }
    this.isFollowing = true;
    while (this.dragged !== null) {
      const { tile: from, row, column } = this.dragged;
      this.dragged = null;
      await this.askAt(from, { row, column });
    }
    this.isFollowing = false;
  }

  /** @param {any} answer of resolve @param {TileModel | null} clicked */
  apply(answer, clicked) {
    const matches = new Map(answer.matches.map((/** @type {any} */ match) => [match.studyInstanceUid, match]));
    const unresolved = new Map(answer.unresolved.map((/** @type {any} */ one) => [one.studyInstanceUid, one]));
    const source = answer.matches.find((/** @type {any} */ match) => match.isSource) ?? answer.matches[0];
    const asked = clicked ?? this.tiles.find((tile) => tile.uid === source?.studyInstanceUid) ?? null;
    const own = asked && matches.get(asked.uid);
    const place = clicked && own && clicked.canvasAt(own.row, own.column);
    if (place) { // the picture that was clicked stays where it is, and the others have the place there too
      this.anchor = { x: place.x - clicked.size.width / 2, y: place.y - clicked.size.height / 2 };
    }
    this.asked = asked;
    this.compare.answered();
    for (const tile of this.tiles) {
      const match = matches.get(tile.uid);
      if (match !== undefined) {
        tile.showMatch(match, this.number);
      } else if (unresolved.has(tile.uid)) {
        tile.showUnresolved(unresolved.get(tile.uid), this.number);
      }
    }
    this.foresight.answered();
    const answered = this.tiles.filter(({ uid }) => matches.has(uid) || unresolved.has(uid)); // a study without images takes no tile
    const found = answered.filter(({ uid }) => matches.has(uid)).length;
    this.announcement = { key: 'page.answered', values: { found, all: answered.length } };
    this.changed();
    if ([...matches.keys(), ...unresolved.keys()].some((uid) => !this.patient.studies.some((/** @type {any} */ study) => study.studyInstanceUid === uid))) {
      this.grow();
    }
  }

  /** A study has come since the page was opened. */
  async grow() {
    const { signal } = this.life;
    try {
      await this.loadPatient(this.patient.orthancPatientId, signal);
      await this.repeat();
    } catch (error) {
      if (!signal.aborted) {
        this.say(questionMessage(error));
      }
    }
  }

  /** @param {import('./messages.js').Message | null} message */
  say(message) {
    this.message = message;
    this.changed();
  }

}
