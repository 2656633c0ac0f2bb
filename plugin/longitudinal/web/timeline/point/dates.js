// @ts-check
/** Dates and what lies between them. DICOM's StudyDate as the routes give it: YYYY-MM-DD, '' where there is none. */

import { dayOf as dayOfDate, spanOf } from '../../shared/dates.js';
import { word } from '../../shared/words.js';

/** Days since 1970, or null. @param {{studyDate: string, acquisitionDateTime?: string | null}} study */
export function dayOf({ studyDate, acquisitionDateTime }) {
  return dayOfDate(studyDate || acquisitionDateTime);
}

/** Such as "+1.5 y"; '' where a date is missing. @param {number | null} from day @param {number | null} to day */
export function intervalOf(from, to) {
  if (from === null || to === null) {
    return '';
  }
  if (from === to) {
    return word('interval.sameDay');
  }
  const { unit, ...span } = spanOf(to - from);
  return word(`interval.${unit}`, span);
}
