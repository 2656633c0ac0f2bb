// @ts-check
/** One cut of one study: where its landmarks lie, and how they are set; over it the other study while that is moved roughly. */

import { cross, edgesOf } from '../../shared/geometry.js';
import { html, useEffect, useRef } from '../../shared/html.js';
import { word } from '../../shared/words.js';
import { directionsOf, pictureOf, placeOf, pointAt, sampled } from './cut.js';
import { fromSix, turnAbout } from './fit.js';

/** @typedef {import('./model.js').AlignModel} AlignModel @typedef {import('./model.js').Side} Side */

const CLICK_PX = 4;
const FAST = 10;
const WHEEL_STEP = 40;
const DEGREE = Math.PI / 180;

/** @param {{model: AlignModel, side: Side, kind: import('./cut.js').Kind, views: any}} props */
export function CutView({ model, side, kind, views }) {
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const canvas = useRef(/** @type {HTMLCanvasElement | null} */ (null));
  const hands = useRef(/** @type {any} */ ({}));
  const volume = model.volumes[side];
  const size = views.sizeOf(side, kind);
  const cut = volume === null || size === undefined ? null : cutOf(model, side, kind, views, size);
  useEffect(() => {
    const observer = new ResizeObserver(() => views.resize(side, kind, /** @type {HTMLElement} */ (box.current)));
    observer.observe(/** @type {HTMLElement} */ (box.current));
    const wheel = (/** @type {WheelEvent} */ event) => hands.current.wheel?.(event);
    box.current?.addEventListener('wheel', wheel, { passive: false });
    return () => {
      observer.disconnect();
      box.current?.removeEventListener('wheel', wheel);
    };
  }, []);
  useEffect(() => {
    if (cut !== null && canvas.current !== null) {
      paint(canvas.current, model, side, cut);
    }
  });
  hands.current = cut === null ? {} : handsOf(model, side, cut, views, hands.current.live ?? { drag: null, wheeled: 0 }, box);
  const name = word(`align.cut.${kind}`, { study: word(`align.${side}`) });
  const { down, move, up, cancel, press } = hands.current;
  return html`<div class="cut" ref=${box} tabindex="0" role="application" aria-label=${name} data-side=${side} data-kind=${kind} data-cut=${cut && JSON.stringify(cut)}
      onPointerDown=${down} onPointerMove=${move} onPointerUp=${up} onPointerCancel=${cancel} onKeyDown=${press} onContextMenu=${(/** @type {Event} */ event) => event.preventDefault()}>
    <canvas ref=${canvas} role="img" aria-label=${name}></canvas>
    ${cut && html`<svg class="marks" width=${cut.width} height=${cut.height} aria-hidden="true">
      <${Cursor} cut=${cut} point=${model.cursors[side]} />
      ${model.pairs.map((pair, at) => html`<${Mark} key=${at} cut=${cut} point=${pair[side]} name=${String(at + 1)} gap=${volume?.gap} />`)}
      ${model.begun[side] && html`<${Mark} cut=${cut} point=${model.begun[side]} name=${String(model.pairs.length + 1)} gap=${volume?.gap} isBegun=${true} />`}
    </svg>
    ${Object.entries(edgesOf([...cut.right, ...cut.below], { isFlippedH: false, isFlippedV: false })).map(([edge, letters]) => html`<span class="edge edge-${edge}" key=${edge}>${letters}</span>`)}`}
  </div>`;
}

/** @param {AlignModel} model @param {Side} side @param {import('./cut.js').Kind} kind @param {any} views @param {{width: number, height: number}} size @returns {import('./cut.js').Cut} */
function cutOf(model, side, kind, views, size) {
  const volume = /** @type {import('./volume.js').Volume} */ (model.volumes[side]);
  const { right, below } = directionsOf(volume, kind);
  const normal = cross(right, below);
  const { centre, zoom } = views.of(side, volume);
  const [a, b, c] = volume.extent;
  const mmPerPixel = Math.max(...(kind === 'native' ? [a / size.width, b / size.height] : [(kind === 'rows' ? a : b) / size.width, c / size.height])) / zoom;
  const depth = model.cursors[side].reduce((sum, value, axis) => sum + (value - centre[axis]) * normal[axis], 0);
  return { ...size, right, below, mmPerPixel, centre: centre.map((/** @type {number} */ value, /** @type {number} */ axis) => value + depth * normal[axis]) };
}

/** @param {HTMLCanvasElement} canvas @param {AlignModel} model @param {Side} side @param {import('./cut.js').Cut} cut */
function paint(canvas, model, side, cut) {
  const volume = /** @type {import('./volume.js').Volume} */ (model.volumes[side]);
  const { target } = model.volumes;
  const isOver = model.isRough && side === 'source' && target !== null;
  const key = JSON.stringify([cut, volume.loaded, volume.range, isOver && [model.rough, target.loaded]]);
  if (canvas.dataset.painted === key) {
    return;
  }
  const values = sampled(volume, cut);
  const other = isOver ? { values: sampled(target, cut, model.rough), range: target.range } : null;
  Object.assign(canvas, { width: cut.width, height: cut.height });
  /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d')).putImageData(pictureOf(cut.width, values, volume.range, other), 0, 0);
  canvas.dataset.painted = key;
}

/** @param {AlignModel} model @param {Side} side @param {import('./cut.js').Cut} cut @param {any} views @param {any} live @param {any} box */
function handsOf(model, side, cut, views, live, box) {
  const at = (/** @type {PointerEvent} */ event) => {
    const { left, top } = box.current.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  };
  const normal = cross(cut.right, cut.below);
  const isMoving = model.isRough && side === 'source';
  const volume = /** @type {import('./volume.js').Volume} */ (model.volumes[side]);
  const stepMm = Math.abs(normal.reduce((sum, value, axis) => sum + value * volume.normal[axis], 0)) > 0.9 ? volume.gap : volume.planes[0].spacing[0];
  const moved = (/** @type {number} */ x, /** @type {number} */ y, depth = 0) => model.cursors[side].map((value, axis) => (
    value + x * cut.mmPerPixel * cut.right[axis] + y * cut.mmPerPixel * cut.below[axis] + depth * stepMm * normal[axis]));
  const shift = (/** @type {number} */ x, /** @type {number} */ y) => model.moveTarget(fromSix([...[0, 1, 2].map((axis) => x * cut.right[axis] + y * cut.below[axis]), 0, 0, 0], [0, 0, 0]));
  const turn = (/** @type {number} */ angle) => model.moveTarget(turnAbout(normal, angle, model.cursors.source));
  return {
    live,
    /** @param {WheelEvent} event */
    wheel(event) {
      event.preventDefault();
      if (event.ctrlKey) {
        views.zoom(side, model, event.deltaY < 0 ? 1.15 : 1 / 1.15);
        return;
      }
      live.wheeled += event.deltaY;
      const steps = Math.trunc(live.wheeled / WHEEL_STEP);
      if (steps !== 0) {
        live.wheeled = 0;
        model.moveTo(side, moved(0, 0, Math.sign(steps) * (event.shiftKey ? 5 : 1)), model.begun.source === undefined && model.begun.target === undefined && side === 'source');
      }
    },
    /** @param {PointerEvent} event */
    down(event) {
      if (event.button > 2) {
        return;
      }
      const place = at(event);
      box.current.setPointerCapture(event.pointerId);
      const near = isMoving ? -1 : model.pairs.findIndex((pair) => {
        const mark = placeOf(cut, pair[side]);
        return Math.hypot(mark.x - place.x, mark.y - place.y) < 10 && Math.abs(mark.distanceMm) <= volume.gap;
      });
      live.drag = { start: place, last: place, near, isTurn: event.shiftKey || event.button === 2, isMoved: false };
    },
    /** @param {PointerEvent} event */
    move(event) {
      const { drag } = live;
      if (!drag || (!drag.isMoved && Math.hypot(at(event).x - drag.start.x, at(event).y - drag.start.y) < CLICK_PX)) {
        return;
      }
      const place = at(event);
      drag.isMoved = true;
      if (drag.near >= 0) {
        model.change(drag.near, side, along(cut, model.pairs[drag.near][side], place, normal));
      } else if (isMoving && drag.isTurn) {
        const pivot = placeOf(cut, model.cursors.source);
        const angle = (/** @type {any} */ to) => Math.atan2(to.y - pivot.y, to.x - pivot.x);
        turn(angle(place) - angle(drag.last));
      } else if (isMoving) {
        shift((place.x - drag.last.x) * cut.mmPerPixel, (place.y - drag.last.y) * cut.mmPerPixel);
      }
      drag.last = place;
    },
    /** @param {PointerEvent} event */
    up(event) {
      const { drag } = live;
      live.drag = null;
      if (drag && !drag.isMoved && event.button === 0) {
        const point = pointAt(cut, at(event).x, at(event).y);
        if (isMoving) {
          model.moveTo(side, point, true);
        } else if (drag.near < 0) {
          model.mark(side, point);
        }
      }
    },
    cancel() {
      live.drag = null;
    },
    /** @param {KeyboardEvent} event */
    press(event) {
      const by = event.shiftKey ? FAST : 1;
      const [x, y] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key] ?? [0, 0];
      const depth = { PageUp: -1, PageDown: 1 }[event.key] ?? 0;
      if (event.altKey || event.ctrlKey || event.metaKey) {
        return;
      }
      if (isMoving && (x !== 0 || y !== 0)) {
        (event.shiftKey ? turn((x || y) * DEGREE) : shift(x, y));
      } else if (x !== 0 || y !== 0 || depth !== 0) {
        model.moveTo(side, moved(x * by, y * by, depth * by));
      } else if (event.key === 'Enter' && !isMoving) {
        model.mark(side, [...model.cursors[side]]);
      } else if (event.key === 'Escape') {
        model.cancelBegun();
      } else if (event.key === '+' || event.key === '-') {
        views.zoom(side, model, event.key === '+' ? 1.25 : 0.8);
      } else {
        return;
      }
      event.preventDefault();
      event.stopPropagation();
    },
  };
}

/** A landmark dragged in a cut keeps its distance from it. @param {import('./cut.js').Cut} cut @param {readonly number[]} before @param {{x: number, y: number}} place @param {number[]} normal */
function along(cut, before, place, normal) {
  const { distanceMm } = placeOf(cut, before);
  return pointAt(cut, place.x, place.y).map((value, axis) => value + distanceMm * normal[axis]);
}

/** @param {{cut: import('./cut.js').Cut, point: readonly number[]}} props */
function Cursor({ cut, point }) {
  const { x, y } = placeOf(cut, point);
  return html`<path class="cursor" d=${`M${x} 0V${y - 8}M${x} ${y + 8}V${cut.height}M0 ${y}H${x - 8}M${x + 8} ${y}H${cut.width}`} />`;
}

/** @param {any} props */
function Mark({ cut, point, name, gap, isBegun = false }) {
  const { x, y, distanceMm } = placeOf(cut, point);
  const style = `mark-point ${Math.abs(distanceMm) > gap / 2 ? 'off' : ''} ${isBegun ? 'begun' : ''}`;
  return html`<g class=${style}><circle class="under" cx=${x} cy=${y} r="5" /><circle cx=${x} cy=${y} r="5" /><text class="under" x=${x + 8} y=${y + 4}>${name}</text><text x=${x + 8} y=${y + 4}>${name}</text></g>`;
}

