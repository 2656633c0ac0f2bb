// @ts-check
/** Windows: presets for CT, and what an image says of itself, or else its own values. */

/** @typedef {{center: number, width: number, voi?: 'SIGMOID' | 'LINEAR_EXACT'}} Range `voi`: the function, where it is not LINEAR (PS3.3 C.11.2.1.2) */

/** In the order of the keys 1 to 9; `key` has a word in shared/words.js. @type {readonly (Range & {key: string})[]} */
export const CT_PRESETS = Object.freeze([
  { key: 'window.softTissue', center: 40, width: 400 },
  { key: 'window.lung', center: -600, width: 1500 },
  { key: 'window.bone', center: 480, width: 2500 },
  { key: 'window.brain', center: 40, width: 80 },
  { key: 'window.liver', center: 60, width: 160 },
  { key: 'window.mediastinum', center: 50, width: 350 },
  { key: 'window.stroke', center: 35, width: 40 },
]);

/** Of values whose scale says nothing by itself. */
export const OWN_PRESETS = Object.freeze([
  { key: 'window.ownImage', share: 0 },
  { key: 'window.middle98', share: 0.01 },
  { key: 'window.all', share: 0 },
]);

const LOOKED_AT = 40_000; // values

/**
 * One window as a change of another, for images whose values have no common scale.
 *
 * @param {Range} own
 * @param {Range} range
 */
export function changeOf(own, range) {
  return { shift: (range.center - own.center) / own.width, factor: range.width / own.width };
}

/** @param {Range} own @param {{shift: number, factor: number}} change @returns {Range} */
export function changedRange(own, { shift, factor }) {
  return { center: own.center + shift * own.width, width: own.width * factor };
}

/**
 * The window that leaves a share of the values out at either end.
 *
 * @param {import('../render/sample.js').Frame} frame
 * @param {number} share 0: from the lowest value to the highest
 * @returns {Range}
 */
export function rangeOf({ data, slope, intercept, padding }, share) {
  const step = share === 0 ? 1 : Math.max(1, Math.floor(data.length / LOOKED_AT));
  const [low, high] = padding ?? [NaN, NaN];
  const values = [];
  let [least, most] = [Infinity, -Infinity];
  for (let at = 0; at < data.length; at += step) {
    const value = data[at];
    if (!(value >= low && value <= high) && value === value) {
      if (share === 0) {
        least = Math.min(least, value);
        most = Math.max(most, value);
      } else {
        values.push(value);
      }
    }
  }
  if (share !== 0 && values.length > 0) {
    const sorted = Float64Array.from(values).sort();
    [least, most] = [sorted[Math.floor(share * (sorted.length - 1))], sorted[Math.ceil((1 - share) * (sorted.length - 1))]];
  }
  if (!(least <= most)) {
    return { center: 0, width: 1 };
  }
  const [from, to] = [least * slope + intercept, most * slope + intercept].sort((a, b) => a - b);
  // the linear function (PS3.3 C.11.2.1.2.1) has its ends at center - 0.5 -+ (width - 1) / 2
  return to - from >= 2 ? { center: (from + to + 1) / 2, width: to - from + 1 }
    : { center: (from + to) / 2, width: Math.max(to - from, 1e-6) };
}
