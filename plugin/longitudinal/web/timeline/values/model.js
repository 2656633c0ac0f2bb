// @ts-check
/** The values at the place that was asked for last: asked for again with every new place, each modality by itself. */

import { Observable } from '../../shared/observable.js';
import { detailOf } from '../point/messages.js';
import { dayOf } from '../point/dates.js';
import { followJob } from '../point/jobs.js';
import { seriesWithPictures } from '../point/series.js';
import { pause, persistently } from '../../shared/retry.js';
import { openedShare } from '../share/session.js';
import { scalesOf } from './scales.js';

const SHARED_MS = 2000;
const SHARED_ROUNDS = 20;
const SETTLING_MS = 350; // while the crosshair is dragged nothing is measured
const LEAST_MM = 0.5;
const MOST_MM = 50;

export class ValuesModel extends Observable {
  /** @param {import('../point/page_model.js').PageModel} page */
  constructor(page) {
    super();
    this.page = page;
    this.radius = 5;
    /** @type {any[]} of all modalities */
    this.matches = [];
    /** @type {import('../point/messages.js').Message | null} */
    this.message = null;
    this.isBusy = false;
    this.measured = ''; // what `matches` are of
    this.asking = new AbortController();
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
  }

  /** @returns {() => void} ends it */
  begin() {
    const end = this.page.subscribe(() => this.follow());
    this.follow();
    return () => {
      end();
      clearTimeout(this.timer);
      this.asking.abort();
    };
  }

  get scales() {
    return scalesOf(this.matches, dayOf);
  }

  /** What has no values at all, with the reason. */
  get without() {
    return this.matches.filter((match) => match.values.quantity === null);
  }

  /** Which images there are to measure in. @returns {string[]} */
  get modalities() {
    const found = this.page.tiles.flatMap((tile) => seriesWithPictures(tile.study)
      .filter((/** @type {any} */ one) => one.roles.includes('image')).map((/** @type {any} */ one) => one.modality));
    return [...new Set(found)].sort();
  }

  /** @param {number} radius mm */
  setRadius(radius) {
    if (radius >= LEAST_MM && radius <= MOST_MM && radius !== this.radius) {
      this.radius = radius;
      this.follow();
    }
  }

  follow() {
    const { page, radius } = this;
    const wanted = page.question === null ? '' : JSON.stringify([page.question, page.answered, radius]);
    if (wanted === '' || wanted === this.measured) {
      return;
    }
    this.measured = wanted;
    clearTimeout(this.timer);
    this.asking.abort();
    this.timer = setTimeout(() => this.measure(), SETTLING_MS);
  }

  async measure() {
    this.asking = new AbortController();
    const { signal } = this.asking;
    const { question } = this.page;
    Object.assign(this, { isBusy: true, message: null });
    this.changed();
    try {
      const matches = [];
      for (const modality of this.modalities) {
        matches.push(...await this.of(question, modality, signal));
      }
      this.matches = matches;
    } catch (error) {
      if (!signal.aborted) {
        this.matches = [];
        this.message = { key: 'values.failed', values: { detail: detailOf(error) } };
      }
    } finally {
      if (!signal.aborted) {
        this.isBusy = false;
        this.changed();
      }
    }
  }

  /** @param {any} question @param {string} modality @param {AbortSignal} signal @returns {Promise<any[]>} */
  async of(question, modality, signal) {
    const body = this.bodyOf(question, modality);
    const ask = () => this.page.api.ask('/points/timeline', { body, signal });
    const busy = () => this.changed();
    let answer = await persistently(ask, signal, busy);
    for (let round = 0; openedShare() !== null && round < SHARED_ROUNDS && isMeasuring(answer); round += 1) {
      await pause(SHARED_MS, signal); // a shared view follows no jobs: it asks again
      answer = await persistently(ask, signal, busy);
    }
    if (answer.job !== null && openedShare() === null) { // it takes longer than a request waits
      await followJob(this.page.api, answer.job, signal, busy);
      answer = await persistently(ask, signal, busy);
    }
    return answer.matches;
  }

  /** @param {any} question @param {string} [modality] */
  bodyOf(question, modality) {
    return { ...this.page.limited(question), radiusMm: this.radius, ...(modality === undefined ? {} : { modalities: [modality] }) };
  }

  /** The table of every modality. @returns {Promise<string>} */
  async csv() {
    const tables = [];
    for (const modality of this.modalities) {
      const { api } = this.page;
      const body = JSON.stringify({ ...this.bodyOf(this.page.question, modality), format: 'csv' });
      const answer = await api.request(api.href(`${api.root}/points/timeline`), {
        method: 'POST', headers: { 'Content-Type': 'application/json' }, cache: 'no-store', body,
      });
      tables.push((await answer.text()).split('\r\n'));
    }
    const [header] = tables[0];
    return [header, ...tables.flatMap((lines) => lines.slice(1).filter(Boolean)), ''].join('\r\n');
  }
}

/** @param {any} answer of /points/timeline */
function isMeasuring({ matches }) {
  return matches.some((/** @type {any} */ match) => match.values.reason === 'stillMeasuring');
}
