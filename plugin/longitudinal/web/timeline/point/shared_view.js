// @ts-check
/** What all tiles share: the scale, where the place lies in them, the tool, and which of them are seen. */

import { fittingScale } from '../../shared/geometry.js';
import { Observable } from '../../shared/observable.js';
import { pageOf, pagesOf } from './paging.js';

/** @typedef {import('./tile_model.js').TileModel} TileModel */

const SMALLEST_MM = 0.02; // of a CSS pixel
const LARGEST_MM = 20;

export class SharedView extends Observable {
  constructor() {
    super();
    /** @type {TileModel[]} in time order */
    this.tiles = [];
    /** @type {TileModel | null} whose image was clicked last */
    this.asked = null;
    /** @type {TileModel | null} under the pointer, or with the focus */
    this.active = null;
    /** @type {number | null} of a CSS pixel, in every tile */
    this.mmPerPixel = null;
    /** Where the place lies in every tile, from its middle, CSS pixels. */
    this.anchor = { x: 0, y: 0 };
    /** @type {'window' | 'pan' | 'zoom'} what a drag does */
    this.tool = 'window';
    /** @type {import('./windows.js').Range | null} of all tiles with Hounsfield units */
    this.sharedRange = null;
    /** @type {import('../compare/compare.js').Compare} */
    this.compare = /** @type {any} */ (null);
    this.pageSize = 6;
    this.pageIndex = 0;
  }

  changed() {
    super.changed();
    this.compare?.kept.tell();
  }

  redraw() {
    this.changed();
    this.tiles.forEach((tile) => tile.changed());
  }

  // Which tiles are seen

  /** The tiles on the screen: what was asked in and the first study always, the others page by page. */
  visible() {
    const { tiles, pageSize, pageIndex } = this;
    const seen = pageOf(this.listed(), this.pinned(), pageSize, pageIndex);
    tiles.forEach((tile) => tile.setVisible(seen.includes(tile)));
    return seen;
  }

  /** Those that pass the filters. */
  listed() {
    return this.compare.listed();
  }

  pinned() {
    return [...new Set([this.asked ?? this.tiles[0], this.tiles[0], ...this.compare.inUse()])].filter(Boolean);
  }

  get pages() {
    return pagesOf(this.listed().length, this.pinned().length, this.pageSize);
  }

  /** @param {number} index */
  turnTo(index) {
    this.pageIndex = Math.min(Math.max(index, 0), this.pages - 1);
    this.changed();
  }

  /** @param {number} size */
  setPageSize(size) {
    if (size !== this.pageSize) {
      this.pageSize = size;
      this.turnTo(this.pageIndex);
    }
  }

  /** Turn to the page that has it. @param {TileModel} tile */
  turnToTile(tile) {
    for (let index = 0; index < this.pages; index += 1) {
      if (pageOf(this.listed(), this.pinned(), this.pageSize, index).includes(tile)) {
        this.turnTo(index);
        return;
      }
    }
  }

  /** @param {TileModel} tile */
  activate(tile) {
    if (this.active !== tile) {
      const before = this.active;
      this.active = tile;
      this.changed();
      before?.changed();
      tile.changed();
    }
  }

  // How they show

  /** @param {'window' | 'pan' | 'zoom'} tool */
  setTool(tool) {
    this.tool = tool;
    this.changed();
  }

  /** Of all that are linked, or of this tile alone. @param {TileModel} tile @param {number} mmPerPixel */
  setScale(tile, mmPerPixel) {
    if (this.mmPerPixel === null || this.compare.links('zoom', tile)) {
      this.mmPerPixel = mmPerPixel;
    } else {
      tile.ownScale = mmPerPixel;
    }
  }

  /** @param {TileModel} tile @param {{x: number, y: number}} anchor */
  setAnchor(tile, anchor) {
    if (this.compare.links('pan', tile)) {
      this.anchor = anchor;
    } else {
      tile.ownAnchor = anchor;
    }
  }

  /** @param {TileModel} tile whose image is to fit as a whole */
  fit(tile) {
    const { shown, size } = tile;
    if (shown === null || shown.frame === null || shown.picture.plane === null || size.width === 0) {
      return;
    }
    const { frame, picture: { plane } } = shown;
    this.setScale(tile, fittingScale({ rows: frame.rows, columns: frame.columns, spacing: plane.spacing }, size.width, size.height));
    this.setAnchor(tile, { x: 0, y: 0 });
    const middle = (tile.held ?? tile.crosshair()) && tile.canvasAt((frame.rows - 1) / 2, (frame.columns - 1) / 2);
    if (middle) {
      this.setAnchor(tile, { x: size.width / 2 - middle.x, y: size.height / 2 - middle.y });
    }
    this.redraw();
  }

  /** One pixel of the image for each of the screen, none of them interpolated. @param {TileModel} tile */
  native(tile) {
    const { shown, size } = tile;
    if (!shown?.frame || shown.picture.plane === null) {
      return;
    }
    const density = devicePixelRatio || 1;
    this.setScale(tile, shown.picture.plane.spacing[1] * density);
    const { anchor } = tile;
    const { row, column } = tile.held ?? tile.crosshair() ?? { row: (shown.frame.rows - 1) / 2, column: (shown.frame.columns - 1) / 2 };
    // the anchor in screen pixels must be as far from a whole number as the pixel of the image that lies there
    const snapped = (/** @type {number} */ middle, /** @type {number} */ pixel) => {
      const part = pixel - Math.floor(pixel);
      return (Math.round((middle * density) - 0.5 - part) + part + 0.5) / density - middle;
    };
    this.setAnchor(tile, { x: snapped(size.width / 2 + anchor.x, column) + anchor.x,
      y: snapped(size.height / 2 + anchor.y, row) + anchor.y });
    this.redraw();
  }

  /** @param {number} factor above 1: nearer */
  zoom(factor) {
    const tile = this.active ?? this.asked;
    if (this.mmPerPixel !== null && tile !== null) {
      this.compare.isScaled = true;
      this.setScale(tile, Math.min(Math.max((tile.mmPerPixel ?? this.mmPerPixel) / factor, SMALLEST_MM), LARGEST_MM));
      this.redraw();
    }
  }

  /** @param {number} x CSS pixels @param {number} y */
  pan(x, y) {
    const tile = this.active ?? this.asked;
    if (tile !== null) {
      this.compare.isScaled = true;
      this.setAnchor(tile, { x: tile.anchor.x + x, y: tile.anchor.y + y });
      this.redraw();
    }
  }

  center() {
    this.anchor = { x: 0, y: 0 };
    this.tiles.forEach((tile) => {
      tile.ownAnchor = tile.ownAnchor && { x: 0, y: 0 };
    });
    this.redraw();
  }
}
