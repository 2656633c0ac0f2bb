// @ts-check
/** Where things are on the canvas of a tile. Canvas places are in CSS pixels, counted from its upper left corner. */

import { canvasAt, fittingScale, imageFromCanvas, pixelAt, pixelOf } from '../../shared/geometry.js';
import { Observable } from '../../shared/observable.js';

export class TileGeometry extends Observable {
  /** @param {import('./page_model.js').PageModel} page */
  constructor(page) {
    super();
    this.page = page;
    /** @type {import('./tile_pictures.js').Shown | null} */
    this.shown = null;
    this.isFlippedH = false;
    this.isFlippedV = false;
    /** Whether it goes along with the others, as far as those are linked (compare/). */
    this.isLinked = true;
    /** @type {number | null} mm of a CSS pixel, where it does not go along */
    this.ownScale = null;
    /** @type {{x: number, y: number} | null} */
    this.ownAnchor = null;
    /** @type {{row: number, column: number} | null} what of the picture is held at the anchor, if not the place */
    this.held = null;
    /** @type {{width: number, height: number}} of the canvas */
    this.size = { width: 0, height: 0 };
  }

  /** The tile whose plane lies on this canvas: another one where this study is cut along it (compare/). @returns {TileGeometry} */
  get onCanvas() {
    return this.page.compare.planeOf(/** @type {any} */ (this));
  }

  /** mm of a CSS pixel. @returns {number | null} */
  get mmPerPixel() {
    return this.ownScale ?? this.page.mmPerPixel;
  }

  /** Where the place lies, from the middle, CSS pixels. */
  get anchor() {
    return this.ownAnchor ?? this.page.anchor;
  }

  /** The place on what is shown, and how far beside it. @returns {{row: number, column: number, distanceMm: number} | null} */
  crosshair() {
    const { shown } = this.onCanvas;
    return shown?.match ? this.onCanvas.projected(shown.match, shown.picture) : null;
  }

  /** A match on a picture. @param {any} match @param {import('./series.js').Picture} picture */
  projected(match, picture) {
    if (picture.plane === null || this.shown === null) {
      return null;
    }
    if (picture.sopInstanceUid === match.sopInstanceUid && picture.frameNumber === match.frameNumber) {
      return { row: match.row, column: match.column, distanceMm: match.distanceMm };
    }
    if (this.shown.sequence.frameOfReferenceUid !== match.frameOfReferenceUid) {
      return null;
    }
    return pixelOf(picture.plane, [match.x, match.y, match.z]);
  }

  /**
   * @param {number} [density] canvas pixels for each CSS pixel; 0 for CSS pixels, counted from their edge
   * @returns {number[] | null} (column, row, 0) of each canvas pixel
   */
  imageFromCanvas(density = 0) {
    const plane = this.onCanvas;
    const { shown } = plane;
    const { width, height } = this.size;
    if (shown === null || shown.frame === null || width === 0 || this.mmPerPixel === null) {
      return null;
    }
    const { frame, picture } = shown;
    const spacing = picture.plane?.spacing ?? [1, 1];
    const middle = { row: (frame.rows - 1) / 2, column: (frame.columns - 1) / 2 };
    const mmPerPixel = picture.plane !== null ? this.mmPerPixel
      : fittingScale({ rows: frame.rows, columns: frame.columns, spacing }, width, height);
    const anchor = picture.plane === null ? { x: 0, y: 0 } : this.anchor;
    const scale = density || 1;
    const { row, column } = plane.held ?? plane.crosshair() ?? middle;
    return imageFromCanvas({
      row, column, mmPerPixel: mmPerPixel / scale, isFlippedH: this.isFlippedH, isFlippedV: this.isFlippedV,
      x: (width / 2 + anchor.x) * scale - (density ? 0.5 : 0), y: (height / 2 + anchor.y) * scale - (density ? 0.5 : 0),
    }, spacing);
  }

  /** @param {number} x @param {number} y @returns {{row: number, column: number} | null} null outside the image */
  pixelAt(x, y) {
    const matrix = this.imageFromCanvas();
    const frame = this.onCanvas.shown?.frame;
    if (matrix === null || !frame) {
      return null;
    }
    const { row, column } = pixelAt(matrix, x, y);
    const isInside = row >= -0.5 && column >= -0.5 && row <= frame.rows - 0.5 && column <= frame.columns - 0.5;
    return isInside ? { row, column } : null;
  }

  /** @param {number} row @param {number} column @returns {{x: number, y: number} | null} */
  canvasAt(row, column) {
    const matrix = this.imageFromCanvas();
    return matrix && canvasAt(matrix, row, column);
  }
}
