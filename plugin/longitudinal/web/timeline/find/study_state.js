// @ts-check
/** What can be said of an examination: not indexed, indexed, aligned and how well, failed and why; or what is being done. Pure. */

/**
 * @typedef {object} StudyState
 * @property {'notIndexed' | 'indexed' | 'aligned' | 'failed' | 'working'} kind
 * @property {string} key of the word
 * @property {Record<string, string | number>} values for the word
 * @property {string} why what the server says of a failure, "" otherwise
 * @property {any} [job] the one that works on it
 * @property {'green' | 'amber' | 'red' | 'unknown'} [grade] of an alignment, on the scale of docs/api.md
 */

const ACTIVE = new Set(['queued', 'running']);

/**
 * @param {any} study as GET /patients/{patient} has it
 * @param {any} patient
 * @param {any[]} jobs the newest first
 * @returns {StudyState}
 */
export function stateOf(study, patient, jobs) {
  const own = jobs.filter((job) => job.subject === study.orthancStudyId);
  const active = own.find((job) => ACTIVE.has(job.state) && (job.kind === 'index' || job.kind === 'align'));
  if (active) {
    return plain('working', `state.${active.kind}.${active.state}`, { job: active, values: { percent: percentOf(active) } });
  }
  const indexed = own.find((job) => job.kind === 'index');
  if (indexed?.state === 'failed') {
    return plain('failed', 'state.indexFailed', { why: indexed.error ?? '' });
  }
  if (!study.indexed) {
    return plain('notIndexed', 'state.notIndexed');
  }
  if (study.alignment === 'queued' || study.alignment === 'running') {
    return plain('working', `state.align.${study.alignment}`, { values: { percent: 0 } });
  }
  return aligned(study, patient);
}

/** @param {any} job */
export function percentOf(job) {
  return Math.floor(100 * job.progress);
}

/**
 * @param {StudyState['kind']} kind
 * @param {string} key
 * @param {Partial<StudyState>} [rest]
 * @returns {StudyState}
 */
function plain(kind, key, rest = {}) {
  return { kind, key, values: {}, why: '', ...rest };
}

/**
 * @param {any} study
 * @param {any} patient
 * @returns {StudyState}
 */
function aligned(study, patient) {
  if (study.alignment === 'reference') {
    const first = patient.studies.find((/** @type {any} */ each) => each.alignment === 'reference');
    return plain('aligned', first === study ? 'state.reference' : 'state.sameFrame');
  }
  if (study.alignment === 'failed') {
    return plain('failed', 'state.alignmentFailed', { why: study.failedAlignments[0]?.reason ?? '' });
  }
  if (study.alignment !== 'aligned') {
    return plain('indexed', study.alignment === null ? 'state.noPlace' : 'state.needsAlignment');
  }
  const { grade, expectedErrorMm, reviewed } = study.alignmentQuality;
  const known = expectedErrorMm === null ? 'notMeasured' : 'measured';
  /** @type {Record<string, string>} */
  const values = expectedErrorMm === null ? {} : { mm: expectedErrorMm.toFixed(1) };
  return plain('aligned', `state.aligned.${known}.${reviewed ? 'reviewed' : 'notReviewed'}`, { values, grade });
}
