// @ts-check
/** What wheel and pointer do on a picture: slices, the place, window, pan and zoom. */

/** @typedef {import('./tile_model.js').TileModel} TileModel */

const CLICK_PX = 4; // less is no drag
const GRAB_PX = 14; // from the crosshair
const WHEEL_STEP = 40; // of a touchpad's small deltas
const ZOOM_PER_PX = 1.005;
const FAST = 5; // slices with Shift
const SLICE_PX = 8; // of a finger

const TOOLS = { 1: 'pan', 2: 'zoom' };

/**
 * @param {TileModel} tile
 * @param {HTMLElement} element the picture
 * @returns {() => void} ends it
 */
export function listen(tile, element) {
  const gestures = new Gestures(tile, element);
  const controller = new AbortController();
  const options = { signal: controller.signal };
  element.addEventListener('wheel', (event) => gestures.wheel(event), { ...options, passive: false });
  element.addEventListener('pointerdown', (event) => gestures.down(event), options);
  element.addEventListener('pointermove', (event) => gestures.move(event), options);
  element.addEventListener('pointerup', (event) => gestures.up(event), options);
  element.addEventListener('pointercancel', () => gestures.cancel(), options);
  element.addEventListener('contextmenu', (event) => event.preventDefault(), options);
  element.addEventListener('auxclick', (event) => event.preventDefault(), options);
  return () => controller.abort();
}

class Gestures {
  /** @param {TileModel} tile @param {HTMLElement} element */
  constructor(tile, element) {
    this.tile = tile;
    this.page = tile.page;
    this.element = element;
    this.wheeled = 0;
    /** @type {{kind: string, x: number, y: number, startX: number, startY: number, isMoved: boolean} | null} */
    this.drag = null;
    /** @type {Map<number, {x: number, y: number}>} fingers */
    this.touches = new Map();
  }

  /** @param {WheelEvent} event */
  wheel(event) {
    event.preventDefault();
    if (event.ctrlKey) {
      this.page.zoom(ZOOM_PER_PX ** -(event.deltaMode === 0 ? event.deltaY : event.deltaY * 30));
      return;
    }
    // Shift turns a wheel sideways in some browsers
    const delta = event.deltaY || event.deltaX;
    this.wheeled += event.deltaMode === 0 ? delta : Math.sign(delta) * WHEEL_STEP;
    const steps = Math.trunc(this.wheeled / WHEEL_STEP);
    if (steps !== 0) {
      this.wheeled = 0;
      this.tile.step(Math.sign(steps) * (event.shiftKey ? FAST : 1));
    }
  }

  /** @param {PointerEvent} event @returns {{x: number, y: number}} on the canvas */
  at(event) {
    const box = this.element.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  /** @param {PointerEvent} event */
  down(event) {
    if (event.target instanceof Element && event.target.closest('button, a, .unresolved') !== null) {
      return; // not the picture itself
    }
    const place = this.at(event);
    this.element.setPointerCapture(event.pointerId);
    if (event.pointerType === 'touch') {
      this.touches.set(event.pointerId, place);
    } else {
      event.preventDefault(); // no autoscroll by the middle button
    }
    this.element.focus({ preventScroll: true });
    if (this.touches.size > 1) {
      this.drag = { kind: 'pinch', ...place, startX: place.x, startY: place.y, isMoved: true };
      return;
    }
    const tool = /** @type {Record<number, string>} */ (TOOLS)[event.button] ?? this.toolOf(event);
    const kind = event.button === 0 && this.isOnCrosshair(place) ? 'place' : tool;
    this.drag = { kind, ...place, startX: place.x, startY: place.y, isMoved: false };
  }

  /** @param {PointerEvent} event */
  toolOf(event) {
    return event.pointerType === 'touch' && this.page.tool === 'window' ? 'slices' : this.page.tool;
  }

  /** @param {{x: number, y: number}} place */
  isOnCrosshair({ x, y }) {
    const crosshair = this.tile.isCurrent && !this.tile.isWithdrawn ? this.tile.crosshair() : null;
    const drawn = crosshair && this.tile.canvasAt(crosshair.row, crosshair.column);
    return drawn !== null && Math.hypot(drawn.x - x, drawn.y - y) <= GRAB_PX;
  }

  /** @param {PointerEvent} event */
  move(event) {
    const place = this.at(event);
    this.tile.pointer = place;
    const { drag } = this;
    if (drag === null) {
      return;
    }
    if (drag.kind === 'pinch') {
      this.pinch(event.pointerId, place);
      return;
    }
    if (!drag.isMoved && Math.hypot(place.x - drag.startX, place.y - drag.startY) < CLICK_PX) {
      return;
    }
    const by = { x: place.x - drag.x, y: place.y - drag.y };
    this.drag = { ...drag, ...place, isMoved: true };
    this.apply(drag.kind, place, by);
  }

  /** @param {string} kind @param {{x: number, y: number}} place @param {{x: number, y: number}} by */
  apply(kind, place, by) {
    const { tile, page } = this;
    if (kind === 'place') {
      const pixel = tile.pixelAt(place.x, place.y);
      if (pixel !== null) {
        tile.draft = pixel;
        tile.changed();
        page.follow(tile, pixel);
      }
    } else if (kind === 'pan') {
      page.pan(by.x, by.y);
    } else if (kind === 'zoom') {
      page.zoom(ZOOM_PER_PX ** -by.y);
    } else if (kind === 'slices' && this.drag !== null) {
      const steps = Math.trunc((place.y - this.drag.startY) / SLICE_PX);
      if (steps !== 0) {
        this.drag.startY += steps * SLICE_PX;
        tile.step(steps);
      }
    } else {
      const range = tile.currentRange();
      const { center, width } = range;
      const step = Math.max(width, 1e-6) / 200;
      tile.setRange({ ...range, center: center + by.y * step, width: Math.max(width + by.x * step, 1e-6) });
    }
  }

  /** Two fingers. @param {number} id @param {{x: number, y: number}} place */
  pinch(id, place) {
    const before = [...this.touches.values()];
    this.touches.set(id, place);
    const after = [...this.touches.values()];
    if (before.length < 2) {
      return;
    }
    const spread = (/** @type {{x: number, y: number}[]} */ [a, b]) => Math.hypot(a.x - b.x, a.y - b.y) || 1;
    this.page.zoom(spread(after) / spread(before));
    this.page.pan((after[0].x + after[1].x - before[0].x - before[1].x) / 2, (after[0].y + after[1].y - before[0].y - before[1].y) / 2);
  }

  /** @param {PointerEvent} event */
  up(event) {
    this.touches.delete(event.pointerId);
    const { drag, tile, page } = this;
    if (drag === null || this.touches.size > 0) {
      return;
    }
    this.drag = null;
    const place = this.at(event);
    const pixel = tile.pixelAt(place.x, place.y);
    if (drag.isMoved && drag.kind === 'place') {
      if (pixel !== null) {
        page.follow(tile, pixel);
      }
    } else if (!drag.isMoved && event.button === 0 && pixel !== null) {
      page.askAt(tile, pixel);
    }
  }

  cancel() {
    this.drag = null;
    this.touches.clear();
    this.tile.draft = null;
    this.tile.changed();
  }
}
