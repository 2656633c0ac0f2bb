// @ts-check
/** Treatment records and RT Images as marks on the time axis: which day, which fraction, which beam. Pure: no DOM. */

import { hasWord, word } from '../../shared/words.js';

/** What stands below the axis as a mark. */
export const MARKED = Object.freeze(['RTRECORD', 'RTIMAGE']);

/**
 * Whether a study is nothing but such marks: a fraction of a treatment, which has no images to find a place in. A tile for
 * each of thirty fractions would leave none for the scans.
 * @param {{modalities: string[]}} study
 */
export function isMarkOnly({ modalities }) {
  return modalities.length > 0 && modalities.every((modality) => MARKED.includes(modality));
}

const MOST_LINES = 12; // of one mark
const MOST_NAMES = 6; // of beams
const ENDED_WELL = ['', 'NORMAL'];

/**
 * @typedef {object} Entry a treatment record or an RT Image
 * @property {string} id
 * @property {'treatment' | 'image'} kind
 * @property {string | null} date YYYY-MM-DD; null: the object states no day, and it is taken from nowhere else
 * @property {string} text
 * @property {boolean} isDoubtful a beam did not end normally
 *
 * @typedef {object} Cluster what is so near in time that it is one mark
 * @property {number} place per cent of the line
 * @property {Entry[]} entries in time order
 */

/** @param {any} lists as GET .../structures answers @returns {Entry[]} in time order, those without a day last */
export function entriesOf({ treatments = [], portalImages = [] }) {
  const entries = [...treatments.map(treatment), ...portalImages.map(image)];
  return entries.sort((one, other) => Number(one.date === null) - Number(other.date === null) || (one.at ?? '').localeCompare(other.at ?? ''))
    .map(({ at, ...entry }) => entry);
}

/** @param {any} one @returns {Entry & {at: string | null}} */
function treatment({ sopInstanceUid, date, dateTime, planLabel, fractionNumbers, fractionsPlanned, record }) {
  const { beams = [], summaries = [] } = record;
  const broken = namesOf(beams.filter((/** @type {any} */ beam) => !ENDED_WELL.includes(beam.termination)));
  const summed = summaries.map((/** @type {any} */ one) => one.fractionsDelivered !== null && word('rt.axis.delivered', { count: one.fractionsDelivered }));
  return {
    id: sopInstanceUid, kind: 'treatment', date, at: dateTime, isDoubtful: broken !== '',
    text: [word('rt.axis.treatment'), fractionText(fractionNumbers, fractionsPlanned), beamText(beams.length, namesOf(beams)), ...summed, planText(planLabel),
      broken && word('rt.axis.broken', { names: broken })].filter(Boolean).join(' · '),
  };
}

/** @param {any} one @returns {Entry & {at: string | null}} */
function image({ sopInstanceUid, date, dateTime, dateSource, planLabel, beamName, fractionsPlanned, image: said }) {
  const key = `rt.image.${said.kind}`;
  const number = said.beamNumber === null ? '' : String(said.beamNumber);
  return {
    id: sopInstanceUid, kind: 'image', date, at: dateTime, isDoubtful: false,
    text: [hasWord(key) ? word(key) : word('rt.image.other'), fractionText(said.fractionNumber === null ? [] : [said.fractionNumber], fractionsPlanned),
      beamText(beamName || number ? 1 : 0, beamName || number), planText(planLabel), said.label && `“${said.label}”`,
      dateSource === 'content' && word('rt.axis.contentDate')].filter(Boolean).join(' · '),
  };
}

/** @param {number[]} numbers @param {number | null} planned */
function fractionText(numbers, planned) {
  if (numbers.length === 0) {
    return '';
  }
  return word(planned === null ? 'rt.axis.fraction' : 'rt.axis.fractionOf', { numbers: numbers.join(', '), planned: planned ?? '' });
}

/** @param {number} count @param {string} names */
function beamText(count, names) {
  return count === 0 ? '' : word(count === 1 ? 'rt.axis.beam' : 'rt.axis.beams', { names });
}

/** @param {any[]} beams */
function namesOf(beams) {
  const names = [...new Set(beams.map(({ name, number }) => name || String(number ?? '?')))];
  const more = names.length - MOST_NAMES;
  return [...names.slice(0, MOST_NAMES), ...(more > 0 ? [word('rt.moreProblems', { count: more })] : [])].join(', ');
}

/** @param {string | null} label null: the plan is not here */
function planText(label) {
  return label === null ? '' : word('rt.axis.plan', { name: label || word('rt.unnamed') });
}

/**
 * One mark for what lies nearer together than marks can.
 *
 * @param {readonly Entry[]} entries in time order
 * @param {readonly number[]} places per cent of the line, of each
 * @param {number} near per cent
 * @returns {Cluster[]}
 */
export function clustersOf(entries, places, near) {
  /** @type {{first: number, last: number, isDated: boolean, entries: Entry[]}[]} */
  const found = [];
  entries.forEach((entry, at) => {
    const last = found.at(-1);
    if (last !== undefined && last.isDated === (entry.date !== null) && places[at] - last.first < near) {
      last.entries.push(entry);
      last.last = places[at];
    } else {
      found.push({ first: places[at], last: places[at], isDated: entry.date !== null, entries: [entry] });
    }
  });
  return found.map(({ first, last, entries: own }) => ({ place: (first + last) / 2, entries: own }));
}

/** What a mark is called: the days, and how many of what. @param {Cluster} cluster */
export function nameOfCluster({ entries }) {
  const days = entries.map(({ date }) => date);
  const [first, last] = [days[0], days.at(-1)];
  const when = first === null ? word('rt.axis.noDate') : first === last ? first : word('rt.axis.days', { first, last: last ?? '' });
  const count = (/** @type {string} */ kind) => entries.filter((entry) => entry.kind === kind).length;
  const what = ['treatment', 'image'].map((kind) => [kind, count(kind)]).filter(([, number]) => number)
    .map(([kind, number]) => word(number === 1 ? `rt.axis.one.${kind}` : `rt.axis.many.${kind}`, { count: number }));
  return `${when}: ${what.join(', ')}`;
}

/** What is told of a mark, line by line, the first of very many. @param {Cluster} cluster @returns {{date: string, text: string, isDoubtful: boolean}[]} */
export function linesOfCluster({ entries }) {
  const lines = entries.slice(0, MOST_LINES).map(({ date, text, isDoubtful }) => ({ date: date ?? word('rt.axis.noDate'), text, isDoubtful }));
  const more = entries.length - MOST_LINES;
  return more > 0 ? [...lines, { date: '', text: word('rt.moreProblems', { count: more }), isDoubtful: false }] : lines;
}
