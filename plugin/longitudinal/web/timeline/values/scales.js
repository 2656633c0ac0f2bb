// @ts-check
/** Values sorted into plots: what is on one scale shares an axis, and nothing else does. Pure. */

/**
 * @typedef {object} Row one study
 * @property {any} match with `values`, as POST /points/timeline has it
 * @property {number | null} day since 1970
 *
 * @typedef {object} Scale
 * @property {string} key
 * @property {string} quantity
 * @property {string | null} unit
 * @property {string} modality
 * @property {Row[]} rows in time order
 */

/**
 * One scale for each quantity, unit and modality: numbers of MR are not those of another scanner's NM, though both are raw.
 *
 * @param {any[]} matches
 * @param {(match: any) => number | null} dayOf
 * @returns {Scale[]}
 */
export function scalesOf(matches, dayOf) {
  /** @type {Map<string, Scale>} */
  const scales = new Map();
  for (const match of matches) {
    const { quantity, unit } = match.values;
    if (quantity === null) {
      continue;
    }
    const key = [match.modality, quantity, unit ?? ''].join('|');
    /** @type {Scale} */
    const scale = scales.get(key) ?? { key, quantity, unit, modality: match.modality, rows: [] };
    scale.rows.push({ match, day: dayOf(match) });
    scales.set(key, scale);
  }
  return [...scales.values()];
}

/**
 * What uPlot draws: seconds, means, and the ends of what the uncertainty of the place leaves open.
 *
 * @param {Scale} scale
 * @returns {{times: number[], means: number[], least: (number | null)[], greatest: (number | null)[]}} of rows with a date and a mean
 */
export function pointsOf({ rows }) {
  const shown = rows.filter(({ match, day }) => day !== null && match.values.mean !== null)
    .sort((a, b) => Number(a.day) - Number(b.day));
  return {
    times: shown.map(({ day }) => Number(day) * 86_400),
    means: shown.map(({ match }) => match.values.mean),
    least: shown.map(({ match }) => match.values.leastMean),
    greatest: shown.map(({ match }) => match.values.greatestMean),
  };
}

/** As few digits as tell values of this size apart. @param {number | null} value @param {number} size the largest on the scale */
export function shortened(value, size) {
  if (value === null) {
    return '';
  }
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
  return value.toFixed(digits).replace('-', '−');
}

/** The largest absolute value on a scale. @param {Scale} scale */
export function sizeOf({ rows }) {
  return Math.max(0, ...rows.flatMap(({ match: { values } }) => [values.minimum, values.maximum])
    .filter((value) => value !== null).map(Math.abs));
}
