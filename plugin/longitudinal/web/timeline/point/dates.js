// @ts-check
/** Dates and what lies between them. DICOM's StudyDate as the routes give it: YYYY-MM-DD, '' where there is none. */

import { word } from '../../shared/words.js';

const DAY = 86_400_000;
const YEAR = 365.25;

/** Days since 1970, or null. @param {{studyDate: string, acquisitionDateTime?: string | null}} study */
export function dayOf({ studyDate, acquisitionDateTime }) {
  const text = studyDate || (acquisitionDateTime ?? '').slice(0, 10);
  const time = Date.parse(`${text}T00:00:00Z`);
  return text === '' || Number.isNaN(time) ? null : time / DAY;
}

/** Such as "+1.5 y"; '' where a date is missing. @param {number | null} from day @param {number | null} to day */
export function intervalOf(from, to) {
  if (from === null || to === null) {
    return '';
  }
  const days = Math.round(to - from);
  const sign = days > 0 ? '+' : '−';
  const length = Math.abs(days);
  if (length === 0) {
    return word('interval.sameDay');
  }
  if (length < 60) {
    return word('interval.days', { sign, count: length });
  }
  if (length < YEAR) {
    return word('interval.months', { sign, count: Math.round(length / (YEAR / 12)) });
  }
  return word('interval.years', { sign, count: (length / YEAR).toFixed(1) });
}
