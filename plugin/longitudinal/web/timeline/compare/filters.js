// @ts-check
/** Which of many studies are listed. Pure. */

/**
 * @typedef {object} Study
 * @property {number | null} day since 1970; null without a date
 * @property {readonly string[]} modalities of its pictures
 *
 * @typedef {'modality' | 'yearly' | 'near'} Filter
 */

/** @type {readonly Filter[]} */
export const FILTERS = Object.freeze(['modality', 'yearly', 'near']);

const NEAR_DAYS = 366;

/**
 * @template T
 * @param {readonly T[]} all in time order
 * @param {(one: T) => Study} studyOf
 * @param {T | null} asked the study in which the place was clicked
 * @param {ReadonlySet<string>} filters all of which have to be met
 * @param {ReadonlySet<T>} always listed whatever the filters say
 * @returns {T[]}
 */
export function filtered(all, studyOf, asked, filters, always) {
  const source = asked === null ? null : studyOf(asked);
  let found = [...all];
  if (filters.has('modality') && source !== null) {
    found = found.filter((one) => studyOf(one).modalities.some((modality) => source.modalities.includes(modality)));
  }
  if (filters.has('near') && source !== null && source.day !== null) {
    const { day } = source;
    found = found.filter((one) => Math.abs((studyOf(one).day ?? Infinity) - day) <= NEAR_DAYS);
  }
  if (filters.has('yearly')) {
    found = lastOfEachYear(found, studyOf);
  }
  return all.filter((one) => always.has(one) || found.includes(one));
}

/** @template T @param {readonly T[]} all @param {(one: T) => Study} studyOf */
function lastOfEachYear(all, studyOf) {
  /** @type {Map<number, T>} */
  const years = new Map();
  for (const one of all) {
    const { day } = studyOf(one);
    if (day !== null) {
      years.set(new Date(day * 86_400_000).getUTCFullYear(), one);
    }
  }
  return [...years.values()];
}
