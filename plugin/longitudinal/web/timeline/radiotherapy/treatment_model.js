// @ts-check
/** The treatments and RT Images of the patient of a page: asked for once a patient, where the studies have any. */

import { inPath } from '../../shared/api.js';
import { Observable } from '../../shared/observable.js';
import { MARKED, entriesOf } from './treatments.js';

/** @typedef {import('./treatments.js').Entry} Entry */

export class TreatmentModel extends Observable {
  /** @param {import('../point/page_model.js').PageModel} page */
  constructor(page) {
    super();
    this.page = page;
    /** @type {any} as it was asked for */
    this.patient = null;
    /** @type {(Entry & {study: string})[]} */
    this.entries = [];
  }

  /** Those of the studies that the page shows; asks for them where that is still to be done. @returns {Entry[]} */
  shown() {
    const { page } = this;
    if (page.patient !== this.patient) {
      this.patient = page.patient;
      this.load();
    }
    return page.exam === undefined ? this.entries : this.entries.filter(({ study }) => page.tiles.some(({ uid }) => uid === study));
  }

  async load() {
    const { page, patient } = this;
    this.entries = [];
    const isTreated = patient?.studies.some((/** @type {any} */ study) => study.modalities.some((/** @type {string} */ modality) => MARKED.includes(modality)));
    if (!isTreated) {
      return;
    }
    try {
      const lists = await page.api.ask(`/patients/${inPath(patient.orthancPatientId)}/structures`, { signal: page.life.signal });
      const studies = new Map([...lists.treatments, ...lists.portalImages].map((/** @type {any} */ one) => [one.sopInstanceUid, one.studyInstanceUid]));
      if (this.patient === patient) {
        this.entries = entriesOf(lists).map((entry) => ({ ...entry, study: studies.get(entry.id) ?? '' }));
        this.changed();
      }
    } catch {
      // the axis is complete without them for what it is used for; the patient's page says what is wrong
    }
  }
}

/** @type {WeakMap<object, TreatmentModel>} */
const models = new WeakMap();

/** @param {import('../point/page_model.js').PageModel} page @returns {TreatmentModel} */
export function treatmentsOf(page) {
  const known = models.get(page) ?? new TreatmentModel(page);
  models.set(page, known);
  return known;
}
