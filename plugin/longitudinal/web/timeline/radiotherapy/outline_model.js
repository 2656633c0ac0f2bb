// @ts-check
/** Which lines are drawn on the pictures of a page, and the lines themselves, asked for once a picture. */

import { Observable } from '../../shared/observable.js';
import { pause, persistently } from '../../shared/retry.js';

const LEVELS_GY = [5, 10, 20, 30, 40, 50, 60, 70];
const MOST_KEPT = 60; // pictures
const SETTLING_MS = 100; // who scrolls passes many slices

/** The picture is not on the screen any more: nobody waits for its lines. */
class Passed extends Error {}

/** @typedef {import('../point/page_model.js').PageModel} Page */

export class OutlineModel extends Observable {
  /** @param {Page} page */
  constructor(page) {
    super();
    this.page = page;
    this.problem = ''; // why the lines of a picture are not drawn
    this.isOn = false;
    this.hasDose = false;
    /** @type {Set<string>} regions that are not drawn */
    this.hidden = new Set();
    /** @type {{exam: string, objects: Set<string>} | null} what an exam leaves of the patient's objects */
    this.limit = null;
    /** @type {Map<string, any>} null while an answer is awaited, or where there is none */
    this.kept = new Map();
  }

  /** @param {boolean} isOn */
  show(isOn) {
    this.isOn = isOn;
    this.problem = '';
    this.kept.clear(); // what has changed meanwhile is seen when the lines are switched on again
    this.changed();
  }

  /** @param {boolean} hasDose */
  showDose(hasDose) {
    this.hasDose = hasDose;
    this.changed();
  }

  /**
   * An exam leaves out the objects of other studies, whose lines the server has all the same.
   *
   * @param {string | undefined} exam that limits the page
   * @param {any[]} studies as /points/radiotherapy answered for it
   */
  limitTo(exam, studies) {
    const uids = studies.flatMap(({ structures, doses }) => [...structures, ...doses].map((one) => one.sopInstanceUid));
    this.limit = exam === undefined ? null : { exam, objects: new Set(uids) };
    this.changed();
  }

  /** Whether the lines of an object are drawn. @param {string | undefined} exam @param {string} sopInstanceUid */
  isOfPage(exam, sopInstanceUid) {
    return exam === undefined || (this.limit?.exam === exam && this.limit.objects.has(sopInstanceUid));
  }

  /** @param {string} key @param {boolean} isShown */
  showRegion(key, isShown) {
    this.hidden = new Set(this.hidden);
    this.hidden[isShown ? 'delete' : 'add'](key);
    this.changed();
  }

  /** The lines of a picture, if they are here; asks for them otherwise. @param {{sopInstanceUid: string, frameNumber: number}} picture */
  linesOf({ sopInstanceUid, frameNumber }) {
    const key = `${sopInstanceUid} ${frameNumber}`;
    if (!this.kept.has(key)) {
      this.kept.set(key, null);
      if (this.kept.size > MOST_KEPT) {
        this.kept.delete([...this.kept.keys()][0]);
      }
      this.ask(key, { sopInstanceUid, frameNumber, levelsGy: LEVELS_GY });
    }
    return this.kept.get(key) ?? null;
  }

  /** @param {string} key of a picture */
  isShown(key) {
    return this.page.tiles.some(({ isVisible, onCanvas: { shown } }) => isVisible && shown !== null
      && `${shown.picture.sopInstanceUid} ${shown.picture.frameNumber}` === key);
  }

  /** A server that is busy drawing is asked again; a picture without lines is shown as it is, and the panel says why. @param {string} key @param {any} body */
  async ask(key, body) {
    const { api, life: { signal } } = this.page;
    const attempt = () => {
      if (!this.isShown(key)) {
        throw new Passed();
      }
      return api.ask('/overlays', { body, signal });
    };
    try {
      await pause(SETTLING_MS, signal);
      const answer = await persistently(attempt, signal, () => {});
      this.kept.set(key, answer);
      this.problem = '';
    } catch (error) {
      if (signal.aborted || error instanceof Passed) {
        this.kept.delete(key);
        return;
      }
      this.problem = error instanceof Error ? error.message : String(error);
    }
    this.changed();
  }
}

/** @type {WeakMap<object, OutlineModel>} */
const models = new WeakMap();

/** The lines of a page. @param {Page} page @returns {OutlineModel} */
export function outlinesOf(page) {
  const known = models.get(page);
  if (known !== undefined) {
    return known;
  }
  const made = new OutlineModel(page);
  models.set(page, made);
  return made;
}
