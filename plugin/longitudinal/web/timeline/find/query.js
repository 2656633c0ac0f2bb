// @ts-check
/** What a person types into the search field. Pure. */

/** @typedef {{from: string, to: string}} Days inclusive, YYYY-MM-DD */

const FORMS = [
  { pattern: /^(\d{4})$/, parts: [1] },
  { pattern: /^(\d{4})-(\d{1,2})$/, parts: [1, 2] },
  { pattern: /^(\d{4})-(\d{1,2})-(\d{1,2})$/, parts: [1, 2, 3] },
  { pattern: /^(\d{4})(\d{2})(\d{2})$/, parts: [1, 2, 3] },
  { pattern: /^(\d{1,2})\.(\d{1,2})\.(\d{4})$/, parts: [3, 2, 1] },
  { pattern: /^(\d{1,2})\.(\d{4})$/, parts: [2, 1] },
];

/**
 * The days that a text names: a day, a month or a year; null where it is no date.
 *
 * "2021-03-07", "20210307" and "07.03.2021" are days; with slashes nobody can tell the day from the month.
 *
 * @param {string} text
 * @returns {Days | null}
 */
export function readDays(text) {
  const trimmed = text.trim();
  for (const { pattern, parts } of FORMS) {
    const found = pattern.exec(trimmed);
    if (found) {
      const [year, month, day] = parts.map((part) => Number(found[part]));
      return daysOf(year, month, day);
    }
  }
  return null;
}

/**
 * @param {number} year
 * @param {number} [month] 1 to 12
 * @param {number} [day]
 * @returns {Days | null} null for what is in no calendar
 */
function daysOf(year, month, day) {
  if (year < 1800 || year > 2200) {
    return null; // no year of an examination: part of an id
  }
  const from = new Date(Date.UTC(year, (month ?? 1) - 1, day ?? 1));
  const isThere = from.getUTCMonth() === (month ?? 1) - 1 && from.getUTCDate() === (day ?? 1);
  if (!isThere) {
    return null;
  }
  const to = day ? from : new Date(Date.UTC(month ? year : year + 1, month ?? 0, 0));
  return { from: from.toISOString().slice(0, 10), to: to.toISOString().slice(0, 10) };
}
