// @ts-check
/** Two studies in one picture: swipe, checkerboard, difference and fusion. Pure: no DOM. */

import { fuseInto } from './fusion.js';
import { greyFunction } from '../render/voi.js';

/**
 * @typedef {import('../render/sample.js').Window} Window
 * @typedef {'blink' | 'swipe' | 'checkerboard' | 'difference' | 'fusion'} Mode
 *
 * @typedef {object} How
 * @property {Mode | null} mode
 * @property {boolean} isOther blink: whether the second study is seen
 * @property {number} split swipe: the share of the width that shows the first
 * @property {number} share fusion: how much of the first is seen, 0 to 1
 * @property {string} colours fusion: of the first
 */

const SQUARES = 8; // across
const NEUTRAL = 48; // no difference; nothing at all is black
export const MODES = /** @type {readonly Mode[]} */ (Object.freeze(['blink', 'swipe', 'checkerboard', 'difference', 'fusion']));

/**
 * @param {{data: Uint8ClampedArray, width: number, height: number}} image
 * @param {readonly Float32Array[]} values of the first and the second study; NaN where there is nothing
 * @param {readonly Window[]} windows
 * @param {How} how
 */
export function compose({ data, width, height }, [first, second], windows, { mode, isOther, split, share, colours }) {
  const pixels = new Uint32Array(data.buffer, data.byteOffset, width * height);
  if (mode === 'fusion') {
    fuseInto(pixels, first, second, windows, { share, colours });
    return;
  }
  if (mode === 'difference') {
    differenceInto(pixels, first, second, scaleOf(windows[1]));
    return;
  }
  const [a, b] = windows.map(greyFunction);
  const grey = new Uint8ClampedArray(1);
  const square = Math.max(1, Math.round(width / SQUARES));
  const edge = Math.round(split * width);
  for (let j = 0, at = 0; j < height; j += 1) {
    for (let i = 0; i < width; i += 1, at += 1) {
      const isSecond = mode === 'blink' ? isOther : mode === 'swipe' ? i >= edge : (Math.floor(i / square) + Math.floor(j / square)) % 2 === 1;
      grey[0] = isSecond ? b(second[at]) : a(first[at]);
      pixels[at] = 0xff000000 | (grey[0] * 0x010101);
    }
  }
}

/** The difference at full colour, either way: half the window. @param {Window} window */
export function scaleOf({ width }) {
  return Math.max(width / 2, 1e-9);
}

/**
 * Second less first: red where there is more, blue where there is less, grey where they are alike, and black where one of
 * them has nothing.
 *
 * @param {Uint32Array} pixels
 * @param {Float32Array} first
 * @param {Float32Array} second
 * @param {number} most
 */
export function differenceInto(pixels, first, second, most) {
  for (let at = 0; at < pixels.length; at += 1) {
    const difference = second[at] - first[at];
    if (difference !== difference) {
      pixels[at] = 0xff000000;
      continue;
    }
    const share = Math.min(Math.abs(difference) / most, 1);
    const strong = Math.round(NEUTRAL + (255 - NEUTRAL) * share);
    const middle = Math.round(NEUTRAL + (share > 0.5 ? (share - 0.5) * 2 * (210 - NEUTRAL) : 0));
    const weak = Math.round(NEUTRAL * (1 - Math.min(1, 2 * share)));
    pixels[at] = difference >= 0 ? (0xff000000 | (weak << 16) | (middle << 8) | strong) >>> 0
      : (0xff000000 | (strong << 16) | (middle << 8) | weak) >>> 0;
  }
}

/**
 * Why two studies cannot be subtracted; null: they can.
 *
 * @param {{modality: string, unit: string | null}} first
 * @param {{modality: string, unit: string | null}} second
 * @returns {{key: string, values?: Record<string, string>} | null}
 */
export function whyNoDifference(first, second) {
  if (first.modality !== second.modality) {
    return { key: 'pair.otherModality', values: { first: first.modality, second: second.modality } };
  }
  if (first.unit !== second.unit) {
    return { key: 'pair.otherUnit', values: { first: first.unit ?? '–', second: second.unit ?? '–' } };
  }
  return null;
}
