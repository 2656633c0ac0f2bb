// @ts-check
/** Days, and what lies between them, in the units that people use. Pure. */

const DAY_MS = 86_400_000;
export const MONTH_DAYS = 30.4375;
const YEAR_DAYS = 365.25;

/**
 * @param {string | null | undefined} date YYYY-MM-DD, or with a time behind it
 * @returns {number | null} days since 1970
 */
export function dayOf(date) {
  if (!date) {
    return null;
  }
  const time = Date.parse(`${date.slice(0, 10)}T00:00:00Z`);
  return Number.isNaN(time) ? null : Math.round(time / DAY_MS);
}

/** @param {number} days @returns {{sign: string, count: string, unit: 'days' | 'months' | 'years'}} */
export function spanOf(days) {
  const sign = days < 0 ? '−' : '+';
  const length = Math.abs(days);
  if (length < 2 * MONTH_DAYS) {
    return { sign, count: String(length), unit: 'days' };
  }
  if (length < YEAR_DAYS - 1) {
    return { sign, count: String(Math.round(length / MONTH_DAYS)), unit: 'months' };
  }
  return { sign, count: (length / YEAR_DAYS).toFixed(1), unit: 'years' };
}
