// @ts-check
/** Which lines are drawn on the pictures of a page, and the lines themselves, asked for once a picture. */

import { Observable } from '../../shared/observable.js';

const LEVELS_GY = [5, 10, 20, 30, 40, 50, 60, 70];
const MOST_KEPT = 60; // pictures

export class OutlineModel extends Observable {
  /** @param {import('../../shared/api.js').Api} api */
  constructor(api) {
    super();
    this.api = api;
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
      this.api.ask('/overlays', { body: { sopInstanceUid, frameNumber, levelsGy: LEVELS_GY } }).then(
        (/** @type {any} */ answer) => {
          this.kept.set(key, answer);
          this.changed();
        },
        () => this.kept.delete(key), // a picture without lines is shown as it is; the panel says what is wrong
      );
    }
    return this.kept.get(key) ?? null;
  }
}

/** @type {WeakMap<object, OutlineModel>} */
const models = new WeakMap();

/** The lines of a page. @param {{api: import('../../shared/api.js').Api}} page @returns {OutlineModel} */
export function outlinesOf(page) {
  const known = models.get(page);
  if (known !== undefined) {
    return known;
  }
  const made = new OutlineModel(page.api);
  models.set(page, made);
  return made;
}
