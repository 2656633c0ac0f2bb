// @ts-check
/** What GET .../relations says, as words for the timeline page, Orthanc Explorer and OHIF's panel. Pure: no DOM. */

import { counted, word } from './words.js';

/** Every status of a link, the gravest first; each has a word under `relation.`. */
export const STATUSES = Object.freeze([
  'otherPatient', 'wrongFrame', 'wrongSeries', 'wrongClass', 'ambiguous', 'missing', 'incomplete', 'emptyReference', 'cycle', 'notIndexed', 'ok',
]);
const DAMAGED = 'damaged'; // an object of which a part cannot be read: no link, and no status
const MOST_LINES = 8; // of each kind
const MOST_EVIDENCE = 3;

/**
 * @typedef {object} ProblemGroup
 * @property {string} status
 * @property {string} title
 * @property {string[]} lines sentences, each once
 * @property {number} more how many links of this kind are not among the lines
 */

/**
 * What is wrong, by kind, the gravest first, and of each kind the first sentences.
 *
 * @param {readonly {status: string | null, text: string}[]} problems of an answer
 * @param {number} [most] sentences of each kind
 * @returns {ProblemGroup[]}
 */
export function problemGroups(problems, most = MOST_LINES) {
  /** @type {Map<string, Map<string, number>>} */
  const byStatus = new Map();
  for (const { status, text } of problems) {
    const texts = byStatus.get(status ?? DAMAGED) ?? new Map();
    texts.set(text, (texts.get(text) ?? 0) + 1);
    byStatus.set(status ?? DAMAGED, texts);
  }
  return [...STATUSES, DAMAGED, ...byStatus.keys()].filter((status, at, all) => byStatus.has(status) && all.indexOf(status) === at).map((status) => {
    const texts = [.../** @type {Map<string, number>} */ (byStatus.get(status))];
    const told = texts.slice(0, most);
    return {
      status,
      title: word(`relation.${status}`),
      lines: told.map(([text, times]) => (times === 1 ? text : word('relation.times', { text, times }))),
      more: texts.slice(most).reduce((sum, [, times]) => sum + times, 0),
    };
  });
}

/** How many links are not as they should be: all that there are, also where the answer lists the first of them. @param {any} relations */
export function problemsLine({ problems, problemsTotal = problems.length }) {
  return counted('rt.problems', problemsTotal, { count: problemsTotal.toLocaleString('en') });
}

/** What is left when the listed ones are told. @param {any} relations @returns {number} */
export function problemsLeft({ problems, problemsTotal = problems.length }) {
  return problemsTotal - problems.length;
}

/**
 * @typedef {object} PartGroup a part of a treatment
 * @property {string} name
 * @property {string} title
 * @property {number} series how many
 * @property {string[]} evidence
 */

/**
 * Parts of a treatment, with the evidence for each; none where nothing has to do with radiotherapy.
 *
 * @param {readonly any[]} groups of an answer
 * @param {ReadonlySet<string>} [own] the series that count, all where it is absent
 * @returns {PartGroup[]}
 */
export function partGroups(groups, own) {
  const counts = (/** @type {any} */ group) => group.seriesInstanceUids.filter((/** @type {string} */ uid) => own === undefined || own.has(uid)).length;
  const parts = groups.filter(({ kind }) => kind === 'workflow').filter((group) => counts(group) > 0);
  const isRadiotherapy = parts.some(({ name }) => name !== 'unknown') || groups.some(({ kind, name }) => kind === 'modality' && name.startsWith('RT'));
  return !isRadiotherapy ? [] : parts.map((group) => ({
    name: group.name, title: word(`rt.part.${group.name}`), series: counts(group), evidence: evidenceOf(group.evidence),
  }));
}

/** @param {readonly string[]} evidence */
function evidenceOf(evidence) {
  const more = evidence.length - MOST_EVIDENCE;
  return [...evidence.slice(0, MOST_EVIDENCE), ...(more > 0 ? [word('rt.moreProblems', { count: more })] : [])];
}

/** Whether there is anything to tell. @param {any} relations */
export function hasRelations({ total, nodes }) {
  return total > 0 || nodes.length > 0;
}
