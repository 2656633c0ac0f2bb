// @ts-check
/** Takes the layout of a page, and brings it back. */

import { readLayout, writeLayout } from './layout.js';
import { ACTIONS } from './actions.js';
import { MODES } from './pair.js';

/** @typedef {import('../point/tile_model.js').TileModel} TileModel */

const TELL_MS = 500;

export class KeptLayout {
  /** @param {import('./compare.js').Compare} compare */
  constructor(compare) {
    this.compare = compare;
    this.page = compare.page;
    /** @type {import('./layout.js').Layout} what has still to be brought back */
    this.waiting = {};
    this.told = '';
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
  }

  /** @returns {string} */
  text() {
    const { compare, page } = this;
    const { pairing, link } = compare;
    const uids = (/** @type {(tile: TileModel) => unknown} */ test) => page.tiles.filter(test).map((tile) => tile.uid);
    const by = (/** @type {(tile: TileModel) => any} */ value) => Object.fromEntries(page.tiles.map((tile) => [tile.uid, value(tile)])
      .filter(([, one]) => one !== null && one !== undefined));
    return writeLayout({
      off: ACTIONS.filter((action) => !compare.switches[action]),
      alone: this.waiting.alone ?? uids((tile) => !tile.isLinked),
      cut: compare.sameCut,
      pair: pairing.mode === null || pairing.first === null || pairing.second === null ? this.waiting.pair : [pairing.mode, pairing.first.uid, pairing.second.uid],
      pins: [...compare.pins],
      filters: [...compare.filters],
      page: page.pageIndex || this.waiting.page,
      window: page.sharedRange === null ? undefined : [page.sharedRange.center, page.sharedRange.width],
      changes: Object.fromEntries([...compare.windowChanges].map(([modality, { shift, factor }]) => [modality, [shift, factor]])),
      ranges: { ...this.waiting.ranges, ...by(({ shown, ranges }) => {
        const range = shown && ranges.get(shown.sequence);
        return range && [range.center, range.width];
      }) },
      series: { ...this.waiting.series, ...by(({ shown, match }) => (shown && match && shown.series.uid !== match.seriesInstanceUid ? shown.series.uid : null)) },
      scale: compare.isScaled && page.mmPerPixel ? page.mmPerPixel : undefined,
      anchor: compare.isScaled ? [page.anchor.x, page.anchor.y] : undefined,
      at: this.waiting.at ?? (link.mm || undefined),
    });
  }

  /** Something has changed; told when it has come to rest. */
  tell() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      const text = this.text();
      if (text !== this.told && this.page.patient !== null) {
        this.told = text;
        this.page.onAsked(this.page.question);
      }
    }, TELL_MS);
  }

  /** What can be brought back before anything is shown. @param {string} text */
  begin(text) {
    const { compare, page } = this;
    clearTimeout(this.timer);
    this.told = text;
    const { off, cut, filters, pins, window, changes, scale, anchor, ...rest } = readLayout(text);
    if (text !== '') {
      ACTIONS.forEach((action) => {
        compare.switches[action] = !off?.includes(action);
      });
    }
    compare.sameCut = cut === true;
    compare.filters = new Set(filters);
    compare.pins = new Set(pins);
    page.sharedRange = window ? { center: window[0], width: window[1] } : null;
    Object.entries(changes ?? {}).forEach(([modality, [shift, factor]]) => compare.windowChanges.set(modality, { shift, factor }));
    if (scale !== undefined && scale > 0) {
      page.mmPerPixel = scale;
      page.anchor = anchor ? { x: anchor[0], y: anchor[1] } : { x: 0, y: 0 };
      compare.isScaled = true;
    } else {
      compare.isScaled = false;
    }
    this.waiting = rest;
  }

  /** The studies are known. */
  studiesCame() {
    const { page: index, alone } = this.waiting;
    this.page.tiles.forEach((tile) => {
      tile.isLinked = !alone?.includes(tile.uid);
    });
    if (index) {
      this.page.turnTo(index);
    }
    delete this.waiting.page;
    delete this.waiting.alone;
  }

  /** A study shows a picture. @param {TileModel} tile */
  showed(tile) {
    const { waiting, compare } = this;
    const series = waiting.series?.[tile.uid];
    if (series !== undefined) {
      delete waiting.series?.[tile.uid];
      if (tile.shown?.series.uid !== series) {
        tile.showSeries(series);
        return;
      }
    }
    const range = waiting.ranges?.[tile.uid];
    if (range !== undefined) {
      delete waiting.ranges?.[tile.uid];
      tile.setOwnRange({ center: range[0], width: range[1] });
    }
    if (waiting.at !== undefined && tile === this.page.asked) {
      const { at } = waiting;
      delete waiting.at;
      queueMicrotask(() => compare.link.goTo(at));
    }
    this.pairUp();
  }

  pairUp() {
    const [mode, first, second] = this.waiting.pair ?? [];
    const tiles = [first, second].map((uid) => this.page.tiles.find((tile) => tile.uid === uid));
    if (MODES.includes(/** @type {any} */ (mode)) && tiles.every((tile) => tile?.shown)) {
      delete this.waiting.pair;
      queueMicrotask(() => this.compare.pairing.begin(/** @type {any} */ (mode), tiles[0], tiles[1]));
    }
  }
}
