// @ts-check
/** Has stacks cut by workers. A stack is always with the same one, which keeps the slices it was given. */

import { CutStack, cutInto } from './cut.js';

/**
 * @typedef {import('../render/sample.js').Frame} Frame
 *
 * @typedef {object} Wanted
 * @property {string} stack names it
 * @property {readonly import('../../shared/geometry.js').Plane[]} planes
 * @property {number} endMm
 * @property {(string | null)[]} keys of the frames, by slice; null: not needed
 * @property {(key: string) => Frame} frame
 * @property {import('./cut.js').Place} place
 * @property {number} width
 * @property {number} height
 */

const WORKERS = 2;

export class Cutter {
  /** @param {() => Worker} [makeWorker] */
  constructor(makeWorker = () => new Worker(new URL('./cut_worker.js', import.meta.url), { type: 'module' })) {
    this.makeWorker = makeWorker;
    /** @type {CutWorker[] | null} */
    this.workers = null;
    this.lastMs = 0;
  }

  /** @param {Wanted} wanted @returns {Promise<Float32Array>} */
  async cut(wanted) {
    const worker = this.workerOf(wanted.stack);
    if (worker !== undefined) {
      try {
        const { values, ms } = await worker.cut(wanted);
        this.lastMs = ms;
        return values;
      } catch {
        this.workers = []; // the page does it itself
      }
    }
    const { planes, endMm, keys, frame, place, width, height } = wanted;
    const values = new Float32Array(width * height);
    cutInto(values, width, height, new CutStack(planes, endMm), keys.map((key) => (key === null ? undefined : frame(key))), place);
    return values;
  }

  /** @param {string} stack */
  workerOf(stack) {
    if (this.workers === null) {
      try {
        this.workers = Array.from({ length: WORKERS }, () => new CutWorker(this.makeWorker()));
      } catch {
        this.workers = [];
      }
    }
    let sum = 0;
    for (let at = 0; at < stack.length; at += 1) {
      sum = (sum * 31 + stack.charCodeAt(at)) % 65_521;
    }
    return this.workers[sum % Math.max(1, this.workers.length)];
  }

  /** Ends the workers. */
  close() {
    this.workers?.forEach(({ worker }) => worker.terminate());
    this.workers = null;
  }
}

class CutWorker {
  /** @param {Worker} worker */
  constructor(worker) {
    this.worker = worker;
    this.count = 0;
    /** @type {Set<string>} what it has been given, and may have dropped since */
    this.given = new Set();
    /** @type {Map<number, {resolve: (answer: any) => void, reject: (error: Error) => void}>} */
    this.waiting = new Map();
    worker.onmessage = ({ data }) => {
      this.waiting.get(data.id)?.resolve(data);
      this.waiting.delete(data.id);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      this.waiting.forEach(({ reject }) => reject(new Error('the worker failed')));
      this.waiting.clear();
    };
  }

  /** @param {Wanted} wanted @returns {Promise<{values: Float32Array, ms: number}>} */
  async cut(wanted) {
    const unknown = wanted.keys.filter((key) => key !== null && !this.given.has(key));
    let answer = await this.send(wanted, /** @type {string[]} */ (unknown));
    if (answer.missing !== undefined) { // all at once: it may drop some while it takes the others
      answer = await this.send(wanted, wanted.keys.filter((key) => key !== null));
    }
    return answer;
  }

  /** @param {Wanted} wanted @param {readonly (string | null)[]} sent @returns {Promise<any>} */
  send({ planes, endMm, keys, frame, place, width, height }, sent) {
    this.count += 1;
    const id = this.count;
    /** @type {Record<string, Frame>} */
    const given = {};
    for (const key of /** @type {string[]} */ (sent)) {
      given[key] = frame(key);
      this.given.add(key);
    }
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.worker.postMessage({ id, planes, endMm, keys, given, place, width, height });
    });
  }
}
