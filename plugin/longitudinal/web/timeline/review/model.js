// @ts-check
/** The list of what waits for review, page by page. */

import { inPath } from '../../shared/api.js';
import { Observable } from '../../shared/observable.js';
import { persistently } from '../../shared/retry.js';
import { questionMessage } from '../point/messages.js';

const PAGE = 20;

export class ReviewsModel extends Observable {
  /** @param {import('../../shared/api.js').Api} api @param {string} [patient] PatientID or Orthanc id */
  constructor(api, patient) {
    super();
    this.api = api;
    this.patient = patient;
    this.life = new AbortController();
    /** @type {any[]} */
    this.waiting = [];
    /** @type {number | null} */
    this.total = null;
    /** @type {Map<string, any[]>} by transform: where to look first */
    this.places = new Map();
    /** @type {import('../point/messages.js').Message | null} */
    this.message = null;
  }

  leave() {
    this.life.abort();
  }

  async load(offset = 0) {
    const { signal } = this.life;
    const whose = this.patient ? `&patientId=${encodeURIComponent(this.patient)}` : '';
    try {
      const answer = await persistently(() => this.api.ask(`/reviews?limit=${PAGE}&offset=${offset}${whose}`, { signal }), signal, (problem) => this.say(questionMessage(problem)));
      const known = new Set(this.waiting.map(({ id }) => id));
      this.waiting = [...this.waiting, ...answer.transforms.filter((/** @type {any} */ one) => !known.has(one.id))];
      this.total = answer.total;
      this.message = null;
    } catch (error) {
      if (!signal.aborted) {
        this.message = questionMessage(error);
        this.total ??= 0;
      }
    }
    this.changed();
  }

  more() {
    return this.load(this.waiting.filter(({ review }) => review === null).length);
  }

  /** @param {string} id of a transform */
  async findPlaces(id) {
    if (this.places.has(id)) {
      return;
    }
    const { signal } = this.life;
    try {
      const { places } = await this.api.ask(`/transforms/${inPath(id)}/least-sure`, { signal });
      this.places.set(id, places);
    } catch {
      this.places.set(id, []);
    }
    this.changed();
  }

  /** It stays in the list, with what was decided, until the list is loaded again. @param {any} transform */
  decided(transform) {
    this.waiting = this.waiting.map((one) => (one.id === transform.id ? { ...one, ...transform } : one));
    this.total = this.total === null ? null : Math.max(0, this.total - 1);
    this.changed();
  }

  /** @param {import('../point/messages.js').Message | null} message */
  say(message) {
    this.message = message;
    this.changed();
  }
}
