// @ts-check
/** How the tiles of a page go together: what is linked, and in which of them. */

import { ACTIONS } from './actions.js';
import { CutPainter } from './cut_painter.js';
import { Cuts } from './cuts.js';
import { filtered } from './filters.js';
import { KeptLayout } from './kept_layout.js';
import { Link } from './link.js';
import { Maps } from './maps.js';
import { isComparable, Pairing } from './pairing.js';
import { dayOf } from '../point/dates.js';
import { seriesWithPictures } from '../point/series.js';

/**
 * @typedef {import('../point/tile_model.js').TileModel} TileModel
 * @typedef {import('./actions.js').Action} Action
 */

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
    this.cuts = new Cuts(this);
    this.pairing = new Pairing(this);
    this.sameCut = false;
    /** @type {Set<string>} studies on every page */
    this.pins = new Set();
    /** @type {Set<string>} */
    this.filters = new Set();
    /** Whether somebody has set the scale, which else is that of the first picture. */
    this.isScaled = false;
    this.kept = new KeptLayout(this);
    /** @type {Map<object, CutPainter>} by painter */
    this.painters = new Map();
    /** @type {Map<string, {shift: number, factor: number}>} by modality, of values without a common scale */
    this.windowChanges = new Map();
  }

  /** Another patient, or the same one anew. @param {string} [layout] as the address has it */
  opened(layout = '') {
    this.maps.forget();
    this.link.known = null;
    this.link.reset();
    this.pairing.end();
    this.windowChanges.clear();
    this.kept.begin(layout);
  }

  /** The page is left. */
  leave() {
    clearTimeout(this.kept.timer);
    this.pairing.end();
    this.cuts.cutter.close();
  }

  /** A new answer is about to be shown. */
  answered() {
    this.maps.forget(); // transforms may have changed meanwhile
    this.link.known = null;
    this.link.reset();
    queueMicrotask(() => this.pairing.mode !== null && this.pairing.judge());
  }

  /** A transform that something was mapped by is gone, or was rejected: nothing that came of it holds any more. */
  withdraw() {
    this.maps.forget();
    this.link.known = null;
    this.painters.forEach((painter) => painter.forget());
    this.page.redraw();
  }

  /** A tile shows a picture. @param {TileModel} tile @param {boolean} isNew another stack, or another place */
  showed(tile, isNew) {
    const { pairing, page } = this;
    if (isNew) {
      this.kept.showed(tile);
      this.joined(tile);
      if (pairing.mode !== null) {
        pairing.judge();
      }
    }
    if (page.asked === tile || pairing.first === tile) {
      page.tiles.filter((one) => one !== tile && one.isVisible && this.isOnPlane(one)).forEach((one) => one.changed());
    }
  }

  // Cuts

  /** @param {boolean} isOn */
  setSameCut(isOn) {
    this.sameCut = isOn;
    this.kept.tell();
    this.page.redraw();
  }

  /** Whether the canvas of a tile shows the clicked plane, by values that were cut along it. @param {TileModel} tile */
  isOnPlane(tile) {
    const { asked } = this.page;
    const { mode, first, second, problem } = this.pairing;
    const isPair = mode !== null && second === tile && problem === null && first !== null && isComparable(first);
    const holds = !tile.isWithdrawn && !(isPair && first.isWithdrawn);
    return holds && (isPair || (this.sameCut && tile !== asked)) && asked !== null && isComparable(asked) && isComparable(tile);
  }

  /** @param {TileModel} tile @returns {TileModel} whose plane lies on its canvas */
  planeOf(tile) {
    return this.isOnPlane(tile) ? /** @type {TileModel} */ (this.page.asked) : tile;
  }

  /** The studies in the picture of a tile, whose canvas shows the clicked plane. @param {TileModel} tile @returns {TileModel[]} */
  studiesOn(tile) {
    const { mode, first, second } = this.pairing;
    return mode !== null && second === tile && first !== null ? [first, tile] : [tile];
  }

  /** @param {TileModel} tile @returns {import('./pair.js').How} */
  howOn(tile) {
    const { mode, second, isOther, split, share, colours } = this.pairing;
    return { mode: second === tile ? mode : null, isOther, split, share, colours };
  }

  /** @param {TileModel} tile @returns {import('../render/sample.js').Window} */
  rangeOf(tile) {
    return { ...tile.currentRange(), isInverted: tile.isInverted !== (tile.shown?.picture.isInverted ?? false) };
  }

  /** The tiles that stay on every page. @returns {TileModel[]} */
  inUse() {
    const { mode, first, second } = this.pairing;
    const pair = mode === null ? [] : /** @type {TileModel[]} */ ([first, second].filter((tile) => tile !== null));
    return [...pair, ...this.page.tiles.filter((tile) => this.pins.has(tile.uid))];
  }

  /** @param {TileModel} tile */
  pin(tile) {
    this.pins[this.pins.has(tile.uid) ? 'delete' : 'add'](tile.uid);
    this.page.redraw();
  }

  /** @param {string} filter */
  filter(filter) {
    this.filters[this.filters.has(filter) ? 'delete' : 'add'](filter);
    this.page.turnTo(0);
  }

  /** The studies that pass the filters, and those that are in use. @returns {TileModel[]} in time order */
  listed() {
    const { page } = this;
    const studyOf = (/** @type {TileModel} */ { study }) => ({
      day: dayOf(study), modalities: seriesWithPictures(study).map((/** @type {any} */ one) => one.modality),
    });
    return this.filters.size === 0 ? page.tiles : filtered(page.tiles, studyOf, page.asked, this.filters, new Set(page.pinned()));
  }

  /** Whether the picture of a tile is ours to paint. @param {import('../point/painter.js').Painter} painter @param {number} width @param {number} height */
  paints(painter, width, height) {
    const { tile } = painter;
    const known = this.painters.get(painter);
    const source = this.planeOf(tile);
    const matrix = this.isOnPlane(tile) ? tile.imageFromCanvas(devicePixelRatio || 1) : null;
    if (matrix === null || source.shown === null) {
      if (known !== undefined) {
        this.left(painter);
        known.tell({ isCutting: false, cutProblem: null });
        painter.last = null;
      }
      return false;
    }
    const ours = known ?? new CutPainter(painter, this);
    this.painters.set(painter, ours);
    ours.paint({ source, shown: source.shown, matrix, width, height });
    return true;
  }

  /** @param {import('../point/painter.js').Painter} painter */
  left(painter) {
    this.painters.get(painter)?.leave();
    this.painters.delete(painter);
  }

  // Links

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
