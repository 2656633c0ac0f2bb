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
const GREEN_MM = 2.5;
const AMBER_MM = 5;

/**
 * @param {any} study as GET /patients/{patient} has it
 * @param {any} patient
 * @param {any[]} transforms of the patient
 * @param {any[]} jobs the newest first
 * @returns {StudyState}
 */
export function stateOf(study, patient, transforms, jobs) {
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
  return aligned(study, patient, transforms);
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
 * @param {any[]} transforms
 * @returns {StudyState}
 */
function aligned(study, patient, transforms) {
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
  const path = shortestPath(study.frameOfReferenceUids, patient, transforms);
  const isReviewed = path !== null && path.every((each) => each.review?.decision === 'accepted');
  const errors = (path ?? [{}]).map((each) => each.expectedErrorMm ?? null);
  const reviewed = isReviewed ? 'reviewed' : 'notReviewed';
  if (errors.includes(null)) {
    return plain('aligned', `state.aligned.notMeasured.${reviewed}`, { grade: 'unknown' });
  }
  const mm = errors.reduce((sum, each) => sum + each, 0);
  return plain('aligned', `state.aligned.measured.${reviewed}`, { values: { mm: mm.toFixed(1) }, grade: gradeOf(mm) });
}

/** @param {number} mm @returns {'green' | 'amber' | 'red'} */
function gradeOf(mm) {
  if (mm <= GREEN_MM) {
    return 'green';
  }
  return mm <= AMBER_MM ? 'amber' : 'red';
}

/**
 * The transforms on the shortest way from a study's frames to those of the patient's first images, or else to any other
 * frame; null where there is none. Errors along a way add, as in docs/transforms.md.
 *
 * @param {string[]} frames
 * @param {any} patient
 * @param {any[]} transforms
 * @returns {any[] | null}
 */
export function shortestPath(frames, patient, transforms) {
  const usable = transforms.filter((each) => each.state === 'usable');
  const names = new Map(patient.frames.flatMap((/** @type {any} */ frame) => [frame.frameOfReferenceUid, ...frame.aliases]
    .map((/** @type {string} */ uid) => [uid, frame.frameOfReferenceUid])));
  const first = patient.frames[0]?.frameOfReferenceUid;
  /** @type {Map<string, any[]>} */
  const paths = new Map(frames.map((frame) => [frame, []]));
  for (const frame of paths.keys()) { // grows as it is walked, the nearest first
    const so = /** @type {any[]} */ (paths.get(frame));
    for (const [next, by] of neighbours(frame, usable, names)) {
      if (!paths.has(next)) {
        paths.set(next, [...so, by]);
      }
    }
  }
  return paths.get(first) ?? [...paths.values()].find((path) => path.length) ?? null;
}

/**
 * @param {string} frame
 * @param {any[]} usable
 * @param {Map<any, any>} names
 * @returns {[string, any][]}
 */
function neighbours(frame, usable, names) {
  return usable.flatMap((each) => {
    const [source, target] = [each.sourceFrameOfReferenceUid, each.targetFrameOfReferenceUid].map((uid) => names.get(uid) ?? uid);
    if (source === frame) {
      return [/** @type {[string, any]} */ ([target, each])];
    }
    return target === frame ? [/** @type {[string, any]} */ ([source, each])] : [];
  });
}
