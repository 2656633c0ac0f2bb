// @ts-check
/** Puts a tile's picture on its canvas, once a frame of the screen, never an older one over a newer. */

const NEARLY_WHOLE = 1e-6; // of a pixel: rounding in what led to a matrix

export class Painter {
  /** @param {import('./tile_model.js').TileModel} tile @param {HTMLCanvasElement} canvas */
  constructor(tile, canvas) {
    this.tile = tile;
    this.canvas = canvas;
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d', { alpha: false }));
    this.asked = 0;
    this.handle = 0;
    this.unsubscribe = tile.subscribe(() => this.schedule());
    this.observer = new ResizeObserver(() => this.measure());
    this.observer.observe(canvas);
    this.measure();
  }

  leave() {
    this.unsubscribe();
    this.observer.disconnect();
    cancelAnimationFrame(this.handle);
    this.asked = -1;
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

  schedule() {
    if (this.handle === 0) {
      this.handle = requestAnimationFrame(() => {
        this.handle = 0;
        this.paint();
      });
    }
  }

  paint() {
    const { tile } = this;
    const density = devicePixelRatio || 1;
    const width = Math.max(1, Math.round(tile.size.width * density));
    const height = Math.max(1, Math.round(tile.size.height * density));
    const matrix = tile.imageFromCanvas(density)?.map(whole) ?? null;
    this.asked += 1;
    const number = this.asked;
    const { shown } = tile;
    if (matrix === null || shown === null || shown.frame === null) {
      this.clear(width, height);
      return;
    }
    const window = { ...tile.currentRange(), isInverted: tile.isInverted !== shown.picture.isInverted };
    const drawn = tile.page.renderer.draw({ frame: shown.frame, key: String(shown.picture.address), matrix, window, width, height });
    const put = (/** @type {import('../render/renderer.js').Picture} */ picture) => {
      if (number === this.asked) {
        this.put(picture, { shown, matrix, window });
      }
    };
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

  /** @param {import('../render/renderer.js').Picture} picture @param {{shown: any, matrix: number[], window: object}} how */
  put({ image, reduction }, { shown, matrix, window }) {
    const { canvas, context, tile } = this;
    if (canvas.width !== image.width || canvas.height !== image.height) {
      Object.assign(canvas, { width: image.width, height: image.height });
    }
    context.putImageData(image, 0, 0);
    // what is on the screen, for those who check it
    const { sopInstanceUid, frameNumber } = shown.picture;
    canvas.dataset.painted = JSON.stringify({ sopInstanceUid, frameNumber, matrix, window, reduction, answer: shown.answer });
    if (tile.reduction !== reduction) {
      tile.reduction = reduction;
      tile.changed();
    }
  }
}

/** @param {number} value */
function whole(value) {
  const rounded = Math.round(value);
  return Math.abs(value - rounded) < NEARLY_WHOLE ? rounded : value;
}
