// @ts-check
/** VOI functions: from values to greys (PS3.3 C.11.2.1). */

/** @typedef {import('./sample.js').Window} Window */

/** Steep enough for a window of 1, which has two levels. */
const STEP = 2 ** 20;

/**
 * The linear VOI function as `value * scale + offset`, before it is clamped to 0..255 (PS3.3 C.11.2.1.2.1); a window below
 * 1, as of values that are fractions, is the exact one (C.11.2.1.3.2), and so is one that says so.
 *
 * @param {Window} window
 */
export function greyOf({ center, width, voi, isInverted }) {
  const isExact = voi === 'LINEAR_EXACT' || width < 1;
  const isStep = width === 1 && !isExact;
  const middle = isExact ? center : center - 0.5;
  const scale = isStep ? STEP : 255 / (isExact ? Math.max(width, 1e-12) : width - 1);
  const offset = (isStep ? 0 : 127.5) - middle * scale;
  return isInverted ? { scale: -scale, offset: 255 - offset } : { scale, offset };
}

/** The sigmoid VOI function, 0..255 (PS3.3 C.11.2.1.3.1). @param {number} value @param {Window} window */
export function sigmoid(value, { center, width, isInverted }) {
  const share = 1 / (1 + Math.exp((-4 * (value - center)) / width));
  return 255 * (isInverted ? 1 - share : share);
}

/** The window's function, before it is clamped to 0..255; NaN stays NaN. @param {Window} window @returns {(value: number) => number} */
export function greyFunction(window) {
  if (window.voi === 'SIGMOID') {
    return (value) => sigmoid(value, window);
  }
  const { scale, offset } = greyOf(window);
  return (value) => value * scale + offset;
}
