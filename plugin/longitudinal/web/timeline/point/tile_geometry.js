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
    /** @type {{width: number, height: number}} of the canvas */
    this.size = { width: 0, height: 0 };
  }

  /** The place on what is shown, and how far beside it. @returns {{row: number, column: number, distanceMm: number} | null} */
  crosshair() {
    return this.shown?.match ? this.projected(this.shown.match, this.shown.picture) : null;
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
    const { shown, page } = this;
    const { width, height } = this.size;
    if (shown === null || shown.frame === null || width === 0 || page.mmPerPixel === null) {
      return null;
    }
    const { frame, picture } = shown;
    const spacing = picture.plane?.spacing ?? [1, 1];
    const middle = { row: (frame.rows - 1) / 2, column: (frame.columns - 1) / 2 };
    const mmPerPixel = picture.plane !== null ? page.mmPerPixel
      : fittingScale({ rows: frame.rows, columns: frame.columns, spacing }, width, height);
    const anchor = picture.plane === null ? { x: 0, y: 0 } : page.anchor;
    const scale = density || 1;
    const { row, column } = this.crosshair() ?? middle;
    return imageFromCanvas({
      row, column, mmPerPixel: mmPerPixel / scale, isFlippedH: this.isFlippedH, isFlippedV: this.isFlippedV,
      x: (width / 2 + anchor.x) * scale - (density ? 0.5 : 0), y: (height / 2 + anchor.y) * scale - (density ? 0.5 : 0),
    }, spacing);
  }

  /** @param {number} x @param {number} y @returns {{row: number, column: number} | null} null outside the image */
  pixelAt(x, y) {
    const matrix = this.imageFromCanvas();
    const frame = this.shown?.frame;
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
