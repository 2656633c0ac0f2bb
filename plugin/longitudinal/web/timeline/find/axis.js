// @ts-check
/** Where examinations lie on a time axis with their real intervals, and how far apart they are. Pure. */

import { dayOf, MONTH_DAYS, spanOf } from '../../shared/dates.js';

const DAY_MS = 86_400_000;
const LEAST_TICK_PX = 56;
/** In months; of a shorter time days are told at the marks themselves. */
const TICK_STEPS = [1, 3, 6, 12, 24, 60, 120, 240];

/**
 * @typedef {object} Mark
 * @property {number} x px from the left end of the axis; of one without a date beyond its right end
 * @property {number} level 0 on the axis, 1 above it and so on, where marks would lie on each other
 * @property {boolean} isDated
 *
 * @typedef {object} Tick
 * @property {number} x
 * @property {string} label a year, or a year and a month
 */

/**
 * @param {(string | null)[]} dates of the examinations in time order, YYYY-MM-DD; null or "" without a date, at the end
 * @param {number} width px of the axis, marks included
 * @param {number} size px of a mark
 * @returns {{marks: Mark[], ticks: Tick[], levels: number}}
 */
export function layOut(dates, width, size) {
  const days = dates.map(dayOf);
  const undated = days.filter((day) => day === null).length;
  const end = width - size / 2 - undated * size * 1.25;
  const known = /** @type {number[]} */ (days.filter((day) => day !== null));
  const [first, last] = [Math.min(...known), Math.max(...known)];
  const start = size / 2;
  /** @param {number} day */
  const at = (day) => (first === last ? (start + end) / 2 : start + ((day - first) / (last - first)) * (end - start));
  /** @type {number[]} */
  const taken = [];
  let beyond = 0;
  const marks = days.map((day) => {
    if (day === null) {
      beyond += 1;
      return { x: end + beyond * size * 1.25, level: 0, isDated: false };
    }
    const x = at(day);
    let level = taken.findIndex((until) => until <= x - size);
    level = level < 0 ? taken.length : level;
    taken[level] = x;
    return { x, level, isDated: true };
  });
  const ticks = known.length > 1 && first !== last ? ticksBetween(first, last, at, end - start) : [];
  return { marks, ticks, levels: Math.max(1, taken.length) };
}

/**
 * The time from one examination to another, in the unit that people use for it.
 *
 * @param {string | null} from YYYY-MM-DD
 * @param {string | null} to
 * @returns {{value: string, unit: 'days' | 'months' | 'years'} | null} null where a date is missing
 */
export function intervalOf(from, to) {
  const [first, last] = [dayOf(from), dayOf(to)];
  if (first === null || last === null) {
    return null;
  }
  const { sign, count, unit } = spanOf(last - first);
  return { value: `${sign}${count}`, unit };
}

/**
 * @param {number} first
 * @param {number} last
 * @param {(day: number) => number} at
 * @param {number} room px
 * @returns {Tick[]}
 */
function ticksBetween(first, last, at, room) {
  const months = (last - first) / MONTH_DAYS;
  const step = TICK_STEPS.find((each) => (room / months) * each >= LEAST_TICK_PX) ?? TICK_STEPS[TICK_STEPS.length - 1];
  const begin = new Date(first * DAY_MS);
  const month = begin.getUTCFullYear() * 12 + begin.getUTCMonth();
  const ticks = [];
  for (let number = Math.ceil(month / step) * step; ; number += step) {
    const date = new Date(Date.UTC(Math.floor(number / 12), number % 12, 1));
    const day = date.getTime() / DAY_MS;
    if (day > last) {
      return ticks;
    }
    if (day >= first) {
      ticks.push({ x: at(day), label: date.toISOString().slice(0, step % 12 === 0 ? 4 : 7) });
    }
  }
}
