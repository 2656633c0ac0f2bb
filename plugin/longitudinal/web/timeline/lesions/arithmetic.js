// @ts-check
/**
 * The arithmetic of RECIST 1.1 on target lesions: sums of diameters, changes from baseline and nadir, the class that follows
 * from the sum alone. It is no response: that needs non-target and new lesions, which a person judges. Pure.
 *
 * Source: Eisenhauer et al., Eur J Cancer 2009; 45: 228-247, sections 3 and 4.3.
 */

/**
 * @typedef {'CR' | 'PR' | 'SD' | 'PD' | 'NE'} SizeClass NE: not evaluable, a target is not measured
 *
 * @typedef {object} Lesion
 * @property {string} id
 * @property {string} organ at most two targets count for each; '' where nobody said
 * @property {boolean} isNode its short axis counts, and below 10 mm it is normal
 * @property {(number | null)[]} sizes mm, one for each study in time order: long axis, of a node the short one; 0 where it is gone,
 *   null where it was not measured
 *
 * @typedef {object} StudySum
 * @property {number | null} sum mm, of what was measured; null before the baseline and where nothing was measured
 * @property {string[]} missing ids of targets that were not measured
 * @property {number | null} fromBaseline per cent
 * @property {number | null} fromNadir per cent of the smallest sum so far, the baseline among them; null where that is 0
 * @property {number | null} fromNadirMm
 * @property {SizeClass | null} sizeClass null for the baseline and what is before it
 *
 * @typedef {{lesion: string, code: 'tooManyTargets' | 'tooManyInOrgan' | 'tooSmallAtBaseline' | 'notMeasuredAtBaseline'}} Fault
 */

export const MOST_TARGETS = 5;
export const MOST_PER_ORGAN = 2;
/** Smaller ones are no targets, mm: long axis; short axis of a node. */
export const LEAST_TARGET_MM = 10;
export const LEAST_NODE_MM = 15;
export const NORMAL_NODE_MM = 10;
const PARTIAL = -30; // per cent of the baseline
const PROGRESS = 20; // per cent of the nadir
const PROGRESS_MM = 5;
const EXACT = 1e-9; // a third of 9 mm is 3 mm, whatever binary fractions say

/**
 * @param {Lesion[]} lesions
 * @param {number} baseline index of the study
 * @param {number} studies
 * @returns {StudySum[]}
 */
export function sumsOf(lesions, baseline, studies) {
  /** @type {StudySum[]} */
  const found = [];
  let nadir = Infinity;
  let wasComplete = false;
  for (let at = 0; at < studies; at += 1) {
    const missing = lesions.filter(({ sizes }) => sizes[at] === null || sizes[at] === undefined).map(({ id }) => id);
    const measured = lesions.filter(({ id }) => !missing.includes(id));
    const isCounted = at >= baseline && measured.length > 0;
    const sum = isCounted ? measured.reduce((total, { sizes }) => total + Number(sizes[at]), 0) : null;
    const first = found[baseline]?.sum ?? null;
    const entry = { sum, missing, fromBaseline: null, fromNadir: null, fromNadirMm: null, sizeClass: null };
    if (sum !== null && at > baseline && first !== null && found[baseline].missing.length === 0) {
      Object.assign(entry, changesOf(sum, first, nadir, missing));
      entry.sizeClass = /** @type {any} */ (classOf({ lesions, at, sum, first, nadir, missing, wasComplete }));
      wasComplete = wasComplete || entry.sizeClass === /** @type {any} */ ('CR');
    }
    found.push(entry);
    if (sum !== null && missing.length === 0) { // an incomplete sum is no smallest one
      nadir = Math.min(nadir, sum);
    }
  }
  return found;
}

/** @param {number} sum @param {number} first @param {number} nadir @param {string[]} missing */
function changesOf(sum, first, nadir, missing) {
  if (missing.length > 0) {
    return {};
  }
  return { fromBaseline: percent(sum, first), fromNadir: percent(sum, nadir), fromNadirMm: sum - nadir };
}

/**
 * @param {{lesions: Lesion[], at: number, sum: number, first: number, nadir: number, missing: string[], wasComplete: boolean}} of
 * @returns {SizeClass}
 */
function classOf({ lesions, at, sum, first, nadir, missing, wasComplete }) {
  const isBack = wasComplete && lesions.some(({ isNode, sizes }) => !isNode && Number(sizes[at]) > 0);
  const hasGrown = sum - nadir >= PROGRESS_MM - EXACT && sum >= nadir * (1 + PROGRESS / 100) - EXACT;
  if (isBack || hasGrown) { // also where a target is missing: with it the sum would be no smaller
    return 'PD';
  }
  if (missing.length > 0) {
    return 'NE';
  }
  const isGone = lesions.every(({ isNode, sizes }) => (isNode ? Number(sizes[at]) < NORMAL_NODE_MM : sizes[at] === 0));
  if (isGone) {
    return 'CR';
  }
  return sum <= first * (1 + PARTIAL / 100) + EXACT ? 'PR' : 'SD';
}

/** The change of one lesion. @param {number | null} now @param {number | null} before mm @returns {number | null} per cent */
export function percent(now, before) {
  return now === null || before === null || !(before > 0) ? null : ((now - before) / before) * 100;
}

/** The smallest size of a lesion from the baseline to just before a study. @param {Lesion} lesion @param {number} baseline @param {number} at */
export function nadirOf({ sizes }, baseline, at) {
  const before = sizes.slice(baseline, at).filter((size) => size !== null && size !== undefined).map(Number);
  return before.length === 0 ? null : Math.min(...before);
}

/**
 * What of the choice of targets is not as RECIST 1.1 has it; the sums count all of them all the same.
 *
 * @param {Lesion[]} lesions
 * @param {number} baseline
 * @returns {Fault[]}
 */
export function faultsOf(lesions, baseline) {
  /** @type {Fault[]} */
  const faults = [];
  /** @type {Map<string, number>} */
  const inOrgan = new Map();
  lesions.forEach(({ id, organ, isNode, sizes }, at) => {
    const size = sizes[baseline] ?? null;
    const name = organ.trim().toLowerCase();
    inOrgan.set(name, (inOrgan.get(name) ?? 0) + 1);
    if (at >= MOST_TARGETS) {
      faults.push({ lesion: id, code: 'tooManyTargets' });
    }
    if (name !== '' && Number(inOrgan.get(name)) > MOST_PER_ORGAN) {
      faults.push({ lesion: id, code: 'tooManyInOrgan' });
    }
    if (size === null) {
      faults.push({ lesion: id, code: 'notMeasuredAtBaseline' });
    } else if (size < (isNode ? LEAST_NODE_MM : LEAST_TARGET_MM) - EXACT) {
      faults.push({ lesion: id, code: 'tooSmallAtBaseline' });
    }
  });
  return faults;
}
