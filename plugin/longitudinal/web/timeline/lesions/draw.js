// @ts-check
/** Diameters on a picture: drawn by dragging, their ends moved by dragging or with the arrow keys. */

import { pixelOf, pointOf } from '../../shared/geometry.js';
import { html, useRef, useState } from '../../shared/html.js';
import { word } from '../../shared/words.js';
import { lengthOf } from './model.js';

const NEAR_SLICE_MM = 0.05;
const FAST = 10;

/** @typedef {import('../point/tile_model.js').TileModel} TileModel */

/** @param {{tile: TileModel}} props */
export function Diameters({ tile }) {
  const { lesions } = tile.page;
  const surface = useRef(/** @type {HTMLElement | null} */ (null));
  const live = useRef(/** @type {any} */ (null)); // events come faster than the picture is drawn again
  const [draft, show] = useState(/** @type {any} */ (null));
  const setDraft = (/** @type {any} */ next) => {
    live.current = next;
    show(next);
  };
  if (lesions === null || !tile.shown?.picture.plane || tile.size.width === 0) {
    return null;
  }
  const hands = handsOf({ tile, lesions, surface, live, setDraft });
  const lines = linesOf(tile, lesions);
  return html`<svg class="diameters ${lesions.isDrawing ? 'drawing' : ''}" ref=${surface} width=${tile.size.width} height=${tile.size.height}
      onPointerDown=${lesions.isDrawing ? hands.down : undefined} onPointerMove=${hands.move} onPointerUp=${hands.up} onPointerCancel=${() => setDraft(null)}>
    ${lines.filter(({ lesion, axis }) => !(draft && lesion === lesions.selected && axis === draft.axis)).map((line) => html`<${Line} key=${line.lesion.id + line.axis} ...${line} tile=${tile} hands=${hands} isLive=${lesions.isDrawing && line.lesion === lesions.selected} />`)}
    ${draft && html`<g class="diameter selected"><path class="under" d=${pathOf(draft.from, draft.to)} /><path d=${pathOf(draft.from, draft.to)} />
      <${Label} at=${draft.to} text=${word('lesions.mm', { mm: lengthOf(hands.lineOf(draft)).toFixed(1) })} /></g>`}
  </svg>`;
}

/** @param {{tile: TileModel, lesions: any, surface: any, live: any, setDraft: (draft: any) => void}} of */
function handsOf({ tile, lesions, surface, live, setDraft }) {
  const plane = /** @type {any} */ (tile.shown).picture.plane;
  const at = (/** @type {PointerEvent} */ event) => {
    const box = surface.current.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const pointAt = (/** @type {{x: number, y: number}} */ { x, y }) => {
    const pixel = tile.pixelAt(x, y);
    return pixel && pointOf(plane, pixel.row, pixel.column);
  };
  const lineOf = (/** @type {any} */ { from, to }) => [pointAt(from), pointAt(to)].every(Boolean)
    ? /** @type {any} */ ([pointAt(from), pointAt(to)]) : [[0, 0, 0], [0, 0, 0]];
  const begin = (/** @type {PointerEvent} */ event, /** @type {any} */ start) => {
    event.stopPropagation(); // no window, no place
    event.preventDefault();
    surface.current.setPointerCapture(event.pointerId);
    setDraft(start);
  };
  return {
    lineOf,
    /** @param {PointerEvent} event */
    down(event) {
      const place = at(event);
      if (event.button === 0 && pointAt(place) !== null) {
        begin(event, { from: place, to: place, axis: lesions.axis });
      }
    },
    /** An end of a line that there is. @param {PointerEvent} event @param {any} fixed @param {'long' | 'short'} axis */
    grab(event, fixed, axis) {
      begin(event, { from: fixed, to: at(event), axis });
    },
    /** @param {PointerEvent} event */
    move(event) {
      const place = at(event);
      if (live.current !== null && pointAt(place) !== null) {
        event.stopPropagation();
        setDraft({ ...live.current, to: place });
      }
    },
    /** @param {PointerEvent} event */
    up(event) {
      const drawn = live.current;
      if (drawn !== null) {
        event.stopPropagation();
        setDraft(null);
        lesions.measure(tile, drawn.axis, lineOf(drawn));
      }
    },
    /** @param {KeyboardEvent} event @param {any} lesion @param {'long' | 'short'} axis @param {number} number of the end */
    press(event, lesion, axis, number) {
      const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (step !== undefined && !event.altKey && !event.ctrlKey) {
        event.preventDefault();
        event.stopPropagation();
        const by = event.shiftKey ? FAST : 1;
        const ends = lesion.studies.get(tile.uid)[axis].map((/** @type {any} */ point) => {
          const { row, column } = pixelOf(plane, point);
          return tile.canvasAt(row, column);
        });
        const end = ends[number];
        const fixed = ends[1 - number];
        const moved = { x: end.x + step[0] * by, y: end.y + step[1] * by };
        if (pointAt(moved) !== null) {
          lesions.measure(tile, axis, lineOf(number === 1 ? { from: fixed, to: moved } : { from: moved, to: fixed }));
        }
      }
    },
  };
}

/** What is to be seen on the slice that is shown. @param {TileModel} tile @param {any} lesions */
export function linesOf(tile, lesions) {
  const { picture } = /** @type {any} */ (tile.shown);
  const found = [];
  for (const lesion of lesions.lesions) {
    const measured = lesion.studies.get(tile.uid);
    for (const axis of /** @type {const} */ (['long', 'short'])) {
      const line = measured?.[axis] ?? null;
      const pixels = line?.map((/** @type {any} */ point) => pixelOf(picture.plane, point)) ?? [];
      const isHere = measured?.picture ? measured.picture.sopInstanceUid === picture.sopInstanceUid && measured.picture.frameNumber === picture.frameNumber
        : pixels.every((/** @type {any} */ pixel) => Math.abs(pixel.distanceMm) < NEAR_SLICE_MM);
      if (line !== null && isHere) {
        const [from, to] = pixels.map((/** @type {any} */ { row, column }) => tile.canvasAt(row, column));
        found.push({ lesion, axis, from, to, mm: lengthOf(line), isSelected: lesion === lesions.selected });
      }
    }
  }
  return found;
}

/** @param {any} props */
function Line({ tile, lesion, axis, from, to, mm, isSelected, isLive, hands }) {
  const text = word(`lesions.drawn.${axis}`, { name: lesion.name, mm: mm.toFixed(1) });
  const handle = (/** @type {any} */ fixed, /** @type {any} */ end, /** @type {number} */ number) => html`<circle class="handle" key=${number} cx=${end.x} cy=${end.y} r="9" tabindex="0"
    role="button" aria-label=${word('lesions.handle', { text, number: number + 1 })} onPointerDown=${(/** @type {any} */ event) => hands.grab(event, fixed, axis)}
    onKeyDown=${(/** @type {any} */ event) => hands.press(event, lesion, axis, number)} />`;
  return html`<g class="diameter ${isSelected ? 'selected' : ''}" data-study=${tile.uid} data-axis=${axis} data-mm=${mm}>
    <path class="under" d=${pathOf(from, to)} /><path d=${pathOf(from, to)} />
    <${Label} ...${labelPlace(axis, from, to)} text=${text} />
    ${isLive && [handle(to, from, 0), handle(from, to, 1)]}
  </g>`;
}

/** Apart from each other: beside the right end of the long axis, below the lower end of the short one. @param {string} axis @param {any} from @param {any} to */
export function labelPlace(axis, from, to) {
  const end = axis === 'long' ? (from.x > to.x ? from : to) : (from.y > to.y ? from : to);
  return axis === 'long' ? { at: end, dx: 8, dy: 4 } : { at: end, dx: -14, dy: 16 };
}

/** @param {{at: {x: number, y: number}, text: string, dx?: number, dy?: number}} props */
function Label({ at, text, dx = 8, dy = -6 }) {
  return html`<text class="under" x=${at.x + dx} y=${at.y + dy}>${text}</text><text x=${at.x + dx} y=${at.y + dy}>${text}</text>`;
}

/** @param {{x: number, y: number}} from @param {{x: number, y: number}} to */
function pathOf(from, to) {
  return `M${from.x} ${from.y}L${to.x} ${to.y}`;
}
