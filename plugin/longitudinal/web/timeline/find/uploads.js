// @ts-check
/**
 * Files on their way to the server: batches, their progress, and an outcome for each file.
 *
 * Sending the same batch again harms nothing: what is there already is answered so.
 */

const BATCH_BYTES = 16 * 1024 * 1024;
const BATCH_FILES = 200;
const TRIES = 4;
const WAIT_MS = 1500;

/**
 * @typedef {object} Outcome
 * @property {string} name
 * @property {'stored' | 'alreadyStored' | 'refused' | 'notSent'} status
 * @property {string} detail why it was refused or not sent
 * @property {string} patient Orthanc id, "" where it is not stored
 * @property {string[]} [warnings] where its header breaks the standard
 * @property {string} [instance] Orthanc id, where it is stored
 * @property {string} [duplicateOf] the file that it repeats
 *
 * @typedef {object} Upload
 * @property {number} files
 * @property {number} bytes
 * @property {number} sentFiles
 * @property {number} sentBytes
 * @property {Outcome[]} outcomes
 * @property {'running' | 'done' | 'stopped'} state
 *
 * @typedef {{file: File, name: string}} Named with its path in a folder
 */

/**
 * Batches that are small enough to show progress and large enough to be quick, in order.
 *
 * @template {{file: {size: number}}} T
 * @param {T[]} files
 * @returns {T[][]}
 */
export function batchesOf(files) {
  /** @type {T[][]} */
  const batches = [];
  let bytes = 0;
  for (const each of files) {
    const batch = batches[batches.length - 1];
    if (batch && batch.length < BATCH_FILES && bytes + each.file.size <= BATCH_BYTES) {
      batch.push(each);
      bytes += each.file.size;
    } else {
      batches.push([each]);
      bytes = each.file.size;
    }
  }
  return batches;
}

/**
 * Send files; `tell` gets the state again and again, each time a new object.
 *
 * @param {Named[]} files
 * @param {(form: FormData, onBytes: (sent: number) => void, signal: AbortSignal) => Promise<any>} send PUT /uploads
 * @param {(upload: Upload) => void} tell
 * @param {AbortSignal} signal
 */
export async function sendAll(files, send, tell, signal) {
  /** @type {Upload} */
  let upload = {
    files: files.length, bytes: sizeOf(files), sentFiles: 0, sentBytes: 0, outcomes: [], state: 'running',
  };
  /** @param {Partial<Upload>} change */
  const change = (change) => {
    upload = { ...upload, ...change };
    tell(upload);
  };
  change({});
  /** @type {Map<string, string>} the first file of each instance: the server sees one batch at a time */
  const first = new Map();
  for (const batch of batchesOf(files)) {
    const before = upload.sentBytes;
    const outcomes = signal.aborted
      ? notSent(batch, 'stopped')
      : await sendBatch(batch, send, (sent) => change({ sentBytes: before + Math.min(sent, sizeOf(batch)) }), signal);
    change({
      sentFiles: upload.sentFiles + batch.length, sentBytes: before + sizeOf(batch),
      outcomes: [...upload.outcomes, ...outcomes.map((one) => withDuplicate(one, first))],
    });
  }
  change({ state: signal.aborted ? 'stopped' : 'done' });
}

/**
 * @param {Named[]} batch
 * @param {Parameters<typeof sendAll>[1]} send
 * @param {(sent: number) => void} onBytes
 * @param {AbortSignal} signal
 * @returns {Promise<Outcome[]>}
 */
async function sendBatch(batch, send, onBytes, signal) {
  for (let attempt = 1; ; attempt += 1) {
    const form = new FormData();
    for (const { file, name } of batch) {
      form.append('files', file, name);
    }
    try {
      const { files } = await send(form, onBytes, signal);
      return files.map(outcomeOf);
    } catch (caught) {
      const problem = /** @type {any} */ (caught);
      if (signal.aborted) {
        return notSent(batch, 'stopped');
      }
      if (problem.mayPass && attempt < TRIES) {
        await new Promise((resolve) => setTimeout(resolve, Math.max(WAIT_MS * attempt, 1000 * (problem.retryAfter ?? 0))));
        continue;
      }
      if (batch.length > 1 && !problem.mayPass) { // one of them is at fault: which one?
        const alone = [];
        for (const each of batch) {
          alone.push(...await sendBatch([each], send, () => {}, signal));
        }
        return alone;
      }
      return notSent(batch, problem.message);
    }
  }
}

/** @param {Outcome} outcome @param {Map<string, string>} first @returns {Outcome} */
function withDuplicate(outcome, first) {
  if (!outcome.instance) {
    return outcome;
  }
  const earlier = first.get(outcome.instance);
  first.set(outcome.instance, earlier ?? outcome.name);
  return earlier === undefined ? outcome : { ...outcome, duplicateOf: earlier };
}

/** @param {any} file @returns {Outcome} */
function outcomeOf(file) {
  /** @type {string[]} */
  const warnings = (file.warnings ?? []).map((/** @type {any} */ one) => [one.keyword || one.tag, one.detail].filter(Boolean).join(': '));
  return {
    name: file.name, status: file.status, detail: file.detail ?? '', patient: file.orthancPatientId ?? '',
    ...(file.orthancInstanceId ? { instance: file.orthancInstanceId } : {}),
    ...(warnings.length ? { warnings } : {}), ...(file.duplicateOf ? { duplicateOf: file.duplicateOf } : {}),
  };
}

/** @param {Named[]} batch @param {string} detail @returns {Outcome[]} */
function notSent(batch, detail) {
  return batch.map(({ name }) => ({ name, status: 'notSent', detail, patient: '' }));
}

/** @param {{file: {size: number}}[]} files */
function sizeOf(files) {
  return files.reduce((sum, { file }) => sum + file.size, 0);
}
