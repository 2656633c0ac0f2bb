// @ts-check
/** How the tiles of a page go together: what is linked, and in which of them. */

import { Link } from './link.js';
import { Maps } from './maps.js';

/**
 * @typedef {import('../point/tile_model.js').TileModel} TileModel
 * @typedef {'scroll' | 'zoom' | 'pan' | 'window'} Action
 */

/** @type {readonly Action[]} */
export const ACTIONS = Object.freeze(['scroll', 'zoom', 'pan', 'window']);

/** What this tab had last: it holds for the next patient too, and after a visit to the list. */
const LAST = { scroll: true, zoom: true, pan: true, window: true };

export class Compare {
  /** @param {import('../point/page_model.js').PageModel} page */
  constructor(page) {
    this.page = page;
    /** @type {Record<Action, boolean>} */
    this.switches = { ...LAST };
    /** @type {Record<Action, boolean>} what K brings back */
    this.before = { scroll: true, zoom: true, pan: true, window: true };
    this.maps = new Maps(page.api, () => page.patient.orthancPatientId);
    this.link = new Link(this);
    /** @type {Map<string, {shift: number, factor: number}>} by modality, of values without a common scale */
    this.windowChanges = new Map();
  }

  /** Another patient, or the same one anew. */
  opened() {
    this.maps.forget();
    this.link.known = null;
    this.link.reset();
    this.windowChanges.clear();
  }

  /** A new answer is about to be shown. */
  answered() {
    this.maps.forget(); // transforms may have changed meanwhile
    this.link.known = null;
    this.link.reset();
  }

  /** A tile shows another stack, or another place. @param {TileModel} tile */
  joined(tile) {
    if (this.link.mm !== 0 && this.links('scroll', tile) && this.link.current() !== null) {
      this.link.place(tile);
    } else {
      this.link.prepare();
    }
  }

  /** Whether a tile goes along with the others. @param {Action} action @param {TileModel} tile */
  links(action, tile) {
    return this.switches[action] && tile.isLinked;
  }

  /** The tiles that do something together with one: itself, and those of its modality without a common scale. @param {Action} action @param {TileModel} tile */
  together(action, tile) {
    const modality = tile.shown?.series.modality;
    return !this.links(action, tile) ? [tile]
      : this.page.tiles.filter((one) => this.links(action, one) && one.shown?.series.modality === modality);
  }

  /** As the images say. @param {TileModel} tile */
  resetWindow(tile) {
    if (tile.isCalibrated) {
      tile.setRange(null);
      return;
    }
    this.windowChanges.delete(tile.shown?.series.modality ?? '');
    this.together('window', tile).forEach((one) => one.setOwnRange(null));
  }

  /** @param {Action} action @param {boolean} isOn */
  set(action, isOn) {
    this.switches[action] = isOn;
    LAST[action] = isOn;
    if (isOn) {
      this.page.tiles.filter((tile) => tile.isLinked).forEach((tile) => this.adopt(tile, action));
    }
    this.page.redraw();
  }

  /** All off, or back to what it was. */
  toggle() {
    const isAny = ACTIONS.some((action) => this.switches[action]);
    if (isAny) {
      this.before = { ...this.switches };
    }
    ACTIONS.forEach((action) => this.set(action, !isAny && this.before[action]));
  }

  /** @param {TileModel} tile @param {boolean} isLinked */
  linkTile(tile, isLinked) {
    if (!isLinked) {
      const { mmPerPixel, anchor } = tile;
      const range = tile.shown === null ? null : tile.currentRange();
      tile.isLinked = false;
      Object.assign(tile, { ownScale: mmPerPixel, ownAnchor: anchor, outside: null });
      tile.setRange(range);
    } else {
      tile.isLinked = true;
      ACTIONS.filter((action) => this.switches[action]).forEach((action) => this.adopt(tile, action));
    }
    this.page.redraw();
  }

  /** It goes with the others from now on; the one in use leads. @param {TileModel} tile @param {Action} action */
  adopt(tile, action) {
    const { page, link } = this;
    if (action === 'zoom') {
      page.mmPerPixel = page.active === tile ? tile.mmPerPixel : page.mmPerPixel;
      tile.ownScale = null;
    } else if (action === 'pan') {
      page.anchor = page.active === tile ? tile.anchor : page.anchor;
      tile.ownAnchor = null;
    } else if (action === 'window' && tile.shown !== null) {
      tile.ranges.delete(tile.shown.sequence);
    } else if (action === 'scroll' && link.current() !== null && link.mm !== 0) {
      link.place(tile);
    }
  }
}
