// @ts-check
/** The places that are kept of the patient in the viewer: listed, kept, opened, renewed. */

import { inPath } from '../../web/shared/api.js';
import { Observable } from '../../web/shared/observable.js';
import { detailOf } from '../../web/timeline/point/messages.js';
import { word } from '../../web/shared/words.js';

export class Places extends Observable {
  /** @param {import('./session.js').Session} session */
  constructor(session) {
    super();
    this.session = session;
    /** @type {any[] | null} null while they are not known */
    this.list = null;
    this.message = '';
    this.isBusy = false;
  }

  /** @param {string} path @param {import('../../web/shared/api.js').Options} [options] */
  ask(path, options) {
    return this.session.api.ask(`/places${path}`, { signal: this.session.life, ...options });
  }

  /** Read the list of the patient whose images are shown. */
  load() {
    return this.work(async () => {
      const [first] = this.session.grid.all();
      if (first === undefined) {
        return;
      }
      const patientId = await this.session.patientOf(this.session.images.shown(first.viewport).study);
      this.list = (await this.ask(`?patientId=${encodeURIComponent(patientId)}`)).places;
    });
  }

  /** Keep what was clicked. @param {string} name @returns {Promise<boolean>} whether it is kept */
  async keep(name) {
    const { asked } = this.session.question;
    if (asked === null) {
      return false;
    }
    const isPoint = 'frameOfReferenceUid' in asked.body;
    const body = { ...asked.body, ...(isPoint ? { studyInstanceUid: asked.study } : {}), name };
    return this.work(async () => {
      const place = await this.ask('', { body });
      this.session.measurements.show(place);
      await this.read();
    });
  }

  /** Write or renew the reports of all other studies. @param {any} place */
  keepInAll(place) {
    return this.work(async () => {
      const { place: kept } = await this.ask(`/${inPath(place.id)}/studies`, { body: {} });
      this.session.measurements.show(kept);
      await this.read();
    });
  }

  /** Ask again where it is, and go there. @param {any} place */
  open(place) {
    return this.work(async () => {
      const { place: found, answer } = await this.ask(`/${inPath(place.id)}`);
      if (answer === null) {
        this.message = word('ohif.placeLost', { name: found.name, detail: found.detail });
        return;
      }
      const { patientId, frameOfReferenceUid, x, y, z } = answer.point;
      this.session.question.take({
        body: { patientId, frameOfReferenceUid, x, y, z }, study: found.studyInstanceUid, frame: frameOfReferenceUid, point: [x, y, z],
        viewportId: '',
      }, answer);
      await this.session.goToAnswer();
      this.session.measurements.show(found);
    });
  }

  async read() {
    const patientId = this.list?.[0]?.patientId ?? await this.session.patientOf(this.session.question.asked?.study ?? '');
    this.list = (await this.ask(`?patientId=${encodeURIComponent(patientId)}`)).places;
  }

  /** @param {() => Promise<void>} act @returns {Promise<boolean>} */
  async work(act) {
    Object.assign(this, { isBusy: true, message: '' });
    this.changed();
    try {
      await act();
      return true;
    } catch (error) {
      if (!this.session.life.aborted) {
        this.message = word('ohif.placeFailed', { detail: detailOf(error) });
      }
      return false;
    } finally {
      this.isBusy = false;
      this.changed();
    }
  }
}
