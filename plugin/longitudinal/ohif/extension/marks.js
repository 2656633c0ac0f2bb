// @ts-check
/**
 * The place, drawn over OHIF's viewports: solid on its slice, dashed beside it with the mm, and a circle that is as large as
 * the uncertainty. An overlay of our own: OHIF's annotations would be listed, saved and deleted as measurements.
 */

import { word } from '../../web/shared/words.js';
import { offCut } from './images.js';

const SVG = 'http://www.w3.org/2000/svg';
const GAP = 7; // px: what is at the place itself stays free
const ARM = 26;
const UNKNOWN_RING = 18; // px: no size in mm
const LETTER_PX = 6.6; // on average, at the size of the words
const NOTE_UP = 56; // px above the lower edge, and above what OHIF writes there
const ON_SLICE_MM = 0.05;
const COLOURS = { asked: '#ffffff', green: '#5fd08a', amber: '#ffc04d', red: '#ff8378', unknown: '#dfe5ea' };

/**
 * @typedef {object} Mark
 * @property {readonly number[]} point LPS mm
 * @property {string} study
 * @property {string} series
 * @property {string} frame of reference
 * @property {'asked' | 'green' | 'amber' | 'red' | 'unknown'} grade
 * @property {number | null} uncertaintyMm
 * @property {boolean} isSource
 */

/** @param {string} name @param {Record<string, string | number>} attributes */
function shape(name, attributes) {
  const made = document.createElementNS(SVG, name);
  Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, String(value)));
  return made;
}

export class Marks {
  /** @param {import('./images.js').Images} images */
  constructor(images) {
    this.images = images;
    /** @type {Mark[]} */
    this.marks = [];
    /** @type {Map<string, string>} what is said in a viewport, by its id */
    this.notes = new Map();
    /** @type {Map<HTMLElement, SVGElement>} */
    this.layers = new Map();
  }

  /** The mark of what a viewport shows. @param {any} viewport @returns {Mark | undefined} */
  of(viewport) {
    const { study, series, frame } = this.images.shown(viewport);
    const holds = this.marks.filter((mark) => mark.series === series || mark.frame === frame);
    return holds.find((mark) => mark.study === study) ?? holds[0];
  }

  /** @param {any} viewport */
  draw(viewport) {
    const element = viewport?.element;
    if (!element) {
      return;
    }
    const mark = this.of(viewport);
    const note = this.notes.get(viewport.id);
    if (mark === undefined && note === undefined) {
      this.layers.get(element)?.replaceChildren();
      return;
    }
    const parts = [];
    const [x, y] = mark === undefined ? [NaN, NaN] : viewport.worldToCanvas(mark.point);
    if (mark !== undefined && Number.isFinite(x + y)) {
      parts.push(drawn(mark, x, y, offCut(viewport, mark.point), pixelsPerMm(viewport, mark.point), element.clientWidth));
    }
    if (note !== undefined) {
      const said = label(element.clientWidth / 2, element.clientHeight - NOTE_UP, note, COLOURS.amber);
      said.setAttribute('text-anchor', 'middle');
      said.setAttribute('class', 'note');
      parts.push(said);
    }
    this.layer(element).replaceChildren(...parts);
  }

  /** @param {HTMLElement} element */
  layer(element) {
    let layer = this.layers.get(element);
    if (layer === undefined || !layer.isConnected) {
      layer = /** @type {SVGElement} */ (shape('svg', { class: 'longitudinal-marks', 'aria-hidden': 'true' }));
      layer.style.cssText = 'position:absolute;inset:0;width:100%;height:100%;pointer-events:none;z-index:2';
      element.append(layer);
      this.layers.set(element, layer);
    }
    for (const known of this.layers.keys()) {
      if (!known.isConnected) {
        this.layers.delete(known);
      }
    }
    return layer;
  }

  clear() {
    this.notes.clear();
    this.layers.forEach((layer) => layer.remove());
    this.layers.clear();
    this.marks = [];
  }
}

/** CSS pixels. @param {any} viewport @param {readonly number[]} point */
export function pixelsPerMm(viewport, point) {
  const { viewUp } = viewport.getCamera();
  const here = viewport.worldToCanvas(point);
  const there = viewport.worldToCanvas(point.map((value, axis) => value + viewUp[axis]));
  return Math.hypot(there[0] - here[0], there[1] - here[1]);
}

/**
 * @param {Mark} mark
 * @param {number} x
 * @param {number} y
 * @param {number} offMm
 * @param {number} scale pixels per mm
 * @param {number} width of the viewport
 */
function drawn(mark, x, y, offMm, scale, width) {
  const isOff = Math.abs(offMm) >= ON_SLICE_MM;
  const group = shape('g', {
    class: 'place', 'data-x': x, 'data-y': y, 'data-off-mm': offMm, 'data-study': mark.study, 'data-off': isOff ? 'yes' : 'no',
  });
  const arms = [[-1, 0], [1, 0], [0, -1], [0, 1]].map(([right, down]) => (
    `M${x + right * GAP} ${y + down * GAP}L${x + right * ARM} ${y + down * ARM}`)).join('');
  const dashes = isOff ? { 'stroke-dasharray': '4 4' } : {};
  group.append(...outlined('path', { d: arms, ...dashes }, COLOURS[mark.grade]));
  if (!mark.isSource) {
    const isKnown = mark.uncertaintyMm !== null;
    const radius = isKnown ? Number(mark.uncertaintyMm) * scale : UNKNOWN_RING;
    const ring = { cx: x, cy: y, r: radius, ...(isKnown ? {} : { 'stroke-dasharray': '2 4' }) };
    group.append(...outlined('circle', ring, COLOURS[mark.grade]));
  }
  const words = isOff ? word('tile.beside', { mm: Math.abs(offMm).toFixed(1) }) : word('tile.onSlice');
  const left = Math.min(x + GAP + 3, width - words.length * LETTER_PX);
  group.append(label(Math.max(GAP, left), y + ARM, words, COLOURS[mark.grade]));
  return group;
}

/** A line over a darker and wider one: seen on white as on black. @param {string} name @param {Record<string, any>} attributes @param {string} colour */
function outlined(name, attributes, colour) {
  return [
    shape(name, { ...attributes, fill: 'none', stroke: '#000', 'stroke-width': 4, 'stroke-opacity': 0.6 }),
    shape(name, { ...attributes, fill: 'none', stroke: colour, 'stroke-width': 1.75 }),
  ];
}

/** @param {number} x @param {number} y @param {string} text @param {string} colour */
function label(x, y, text, colour) {
  const made = shape('text', {
    x, y, fill: colour, stroke: '#000', 'stroke-width': 3, 'paint-order': 'stroke', 'font-size': 12,
    'font-family': 'sans-serif',
  });
  made.textContent = text;
  return made;
}
