// @ts-check
/** The way from a place in the page's address to the question that shows it, and back. */

import { questionMessage } from '../point/messages.js';
import { openPlace, questionOf } from './requests.js';

/** Opens what an address names, a place like anything else. */
export class PlaceOpener {
  /** @param {import('../../shared/api.js').Api} api */
  constructor(api) {
    this.api = api;
    /** @type {{id: string, question: any} | null} the place that was opened last */
    this.opened = null;
    this.opening = new AbortController();
  }

  /** The address of a question: that of the place, as long as it is the place's. @param {any} question */
  addressOf(question) {
    return this.opened !== null && this.opened.question === question ? { place: this.opened.id } : { point: question };
  }

  /** @param {import('../point/page_model.js').PageModel} page @param {import('../address.js').Address} address */
  async open(page, address) {
    this.opening.abort();
    this.opening = new AbortController();
    const { signal } = this.opening;
    this.opened = null;
    const { place, layout, exam } = address;
    if (place === undefined) {
      return page.open(address);
    }
    try {
      const detail = await openPlace(this.api, place, signal);
      const question = questionOf(detail);
      if (question === null) {
        await page.open({ view: 'point', patient: detail.place.patientId, layout, exam });
        page.say({ key: 'places.noPosition', values: { detail: detail.place.detail } });
        return undefined;
      }
      this.opened = { id: place, question };
      return await page.open({ view: 'point', point: question, layout, exam });
    } catch (error) {
      if (!signal.aborted) {
        page.say(questionMessage(error));
      }
    }
    return undefined;
  }
}
