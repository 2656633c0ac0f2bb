// @ts-check
/** Puts a tile's picture on its canvas, and the crosshair with it, once a frame of the screen, never an older one over a newer. */

import { html, render } from '../../shared/html.js';
import { Overlay } from './overlay.js';

const NEARLY_WHOLE = 1e-6; // of a pixel: rounding in what led to a matrix
const FRAME_MS = 12; // of painting: what is left waits for the next frame of the screen

/** The frame of the screen in which tiles are painted, and when the first of them began. */
const current = { now: -1, began: 0 };

/** Whether another tile may be painted in this frame of the screen; the first one always. @param {number} now of the frame */
function hasTime(now) {
  if (current.now !== now) {
    Object.assign(current, { now, began: performance.now() });
    return true;
  }
  return performance.now() - current.began < FRAME_MS;
}

export class Painter {
  /** @param {import('./tile_model.js').TileModel} tile @param {HTMLCanvasElement} canvas @param {HTMLElement} over what is drawn over it */
  constructor(tile, canvas, over) {
    this.tile = tile;
    this.canvas = canvas;
    this.over = over;
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d', { alpha: false }));
    this.asked = 0;
    this.handle = 0;
    this.answered = 0;
    /** @type {(import('../render/renderer.js').Wanted & {reduction: number}) | null} on the canvas */
    this.last = null;
    this.unsubscribe = tile.subscribe(() => this.react());
    this.observer = new ResizeObserver(() => this.measure());
    this.observer.observe(canvas);
    this.measure();
  }

  leave() {
    this.unsubscribe();
    this.tile.page.compare.left(this);
    this.observer.disconnect();
    cancelAnimationFrame(this.handle);
    this.asked = -1;
    render(null, this.over);
  }

  measure() {
    const { tile, canvas } = this;
    const size = { width: canvas.clientWidth, height: canvas.clientHeight };
    if (size.width === tile.size.width && size.height === tile.size.height) {
      return;
    }
    tile.size = size;
    if (tile.page.mmPerPixel === null) {
      tile.page.fit(tile);
    }
    tile.changed();
  }

  /** The picture of a new answer goes on the canvas at once, all else with the next frame of the screen. */
  react() {
    const { shown } = this.tile;
    if (shown !== null && !this.tile.isBusy && shown.answer !== this.answered && this.tile.size.width > 0) {
      this.answered = shown.answer;
      this.paint();
    } else {
      this.schedule();
    }
  }

  schedule() {
    if (this.handle === 0) {
      const attempt = (/** @type {number} */ now) => {
        if (hasTime(now)) {
          this.handle = 0;
          this.paint();
        } else {
          this.handle = requestAnimationFrame(attempt); // before what is asked for later
        }
      };
      this.handle = requestAnimationFrame(attempt);
    }
  }

  paint() {
    const { tile } = this;
    const density = devicePixelRatio || 1;
    const width = Math.max(1, Math.round(tile.size.width * density));
    const height = Math.max(1, Math.round(tile.size.height * density));
    const { shown } = tile;
    if (shown !== null && tile.isBusy && !tile.isCurrent && this.canvas.width === width && this.canvas.height === height) {
      this.overlay(); // without the crosshair
      return; // of an older question: it stays as it is until the new one is here
    }
    if (tile.page.compare.paints(this, width, height)) {
      this.overlay();
      return;
    }
    const matrix = tile.imageFromCanvas(density)?.map(whole) ?? null;
    this.asked += 1;
    if (matrix === null || shown === null || shown.frame === null || tile.outside !== null) {
      this.last = null;
      this.clear(width, height);
      this.overlay();
      return;
    }
    const window = { ...tile.currentRange(), isInverted: tile.isInverted !== shown.picture.isInverted };
    const wanted = { frame: shown.frame, key: String(shown.picture.address), matrix, window, width, height };
    if (this.last !== null && isSame(this.last, wanted)) {
      this.overlay();
      this.tell(shown, this.last);
      return;
    }
    this.draw(wanted, shown);
  }

  /** @param {import('../render/renderer.js').Wanted} wanted @param {import('./tile_pictures.js').Shown} shown */
  draw(wanted, shown) {
    const number = this.asked;
    const put = (/** @type {import('../render/renderer.js').Picture} */ picture) => {
      if (number === this.asked) {
        this.put(picture, wanted, shown);
      }
    };
    const drawn = this.tile.page.renderer.draw(wanted);
    if (drawn instanceof Promise) {
      drawn.then(put);
    } else {
      put(drawn);
    }
  }

  /** @param {number} width @param {number} height */
  clear(width, height) {
    const { canvas, context } = this;
    Object.assign(canvas, { width, height });
    context.fillStyle = 'black';
    context.fillRect(0, 0, width, height);
    delete canvas.dataset.painted;
  }

  /**
   * @param {import('../render/renderer.js').Picture} picture
   * @param {import('../render/renderer.js').Wanted} wanted
   * @param {import('./tile_pictures.js').Shown} shown
   */
  put({ image, reduction }, wanted, shown) {
    const { canvas, context, tile } = this;
    if (canvas.width !== image.width || canvas.height !== image.height) {
      Object.assign(canvas, { width: image.width, height: image.height });
    }
    context.putImageData(image, 0, 0);
    this.overlay();
    this.last = { ...wanted, reduction };
    this.tell(shown, this.last);
    if (tile.reduction !== reduction) {
      tile.reduction = reduction;
      tile.changed();
    }
  }

  /** Crosshair, ring, letters and scale, of the same frame of the screen as the picture; the words beside it come with the next. */
  overlay() {
    render(html`<${Overlay} tile=${this.tile} />`, this.over);
  }

  /**
   * What is on the screen, crosshair and all, for those who check it.
   *
   * @param {import('./tile_pictures.js').Shown} shown
   * @param {import('../render/renderer.js').Wanted & {reduction: number}} painted
   */
  tell({ picture, answer }, { matrix, window, reduction }) {
    const { sopInstanceUid, frameNumber } = picture;
    const told = JSON.stringify({ sopInstanceUid, frameNumber, matrix, window, reduction, answer });
    if (this.canvas.dataset.painted !== told) {
      this.canvas.dataset.painted = told;
    }
  }
}

/**
 * @param {import('../render/renderer.js').Wanted} a
 * @param {import('../render/renderer.js').Wanted} b
 */
function isSame(a, b) {
  return a.frame === b.frame && a.width === b.width && a.height === b.height && a.window.center === b.window.center
    && a.window.width === b.window.width && a.window.voi === b.window.voi && a.window.isInverted === b.window.isInverted
    && a.matrix.every((value, at) => Math.abs(value - b.matrix[at]) < NEARLY_WHOLE);
}

/** @param {number} value */
function whole(value) {
  const rounded = Math.round(value);
  return Math.abs(value - rounded) < NEARLY_WHOLE ? rounded : value;
}
