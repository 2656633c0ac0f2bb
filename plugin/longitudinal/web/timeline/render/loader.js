// @ts-check
/**
 * Frames from Orthanc: six requests at once, what is seen before what may be, one request for all who wait, and none for
 * those who have left.
 */

import { BadPixels, readNpy } from './npy.js';
import { ByteCache } from './lru.js';

/**
 * What the loader needs to know of a plane.
 *
 * @typedef {object} Source
 * @property {string} address of the pixels
 * @property {number} slope
 * @property {number} intercept
 * @property {number | null} padding
 *
 * @typedef {import('./sample.js').Frame & {key: string, bytes: number}} LoadedFrame
 * @typedef {{source: Source, priority: number, waiters: Set<object>, controller: AbortController, isStarted: boolean,
 *   promise: Promise<LoadedFrame>, settle: {resolve: (frame: LoadedFrame) => void, reject: (error: any) => void}}} Load
 */

export const AT_ONCE = 6;
export const SEEN = 0;
export const AHEAD = 1;

export class FrameLoader {
  /**
   * @param {(address: string, init: RequestInit) => Promise<Response>} request
   * @param {number} limit bytes kept
   */
  constructor(request, limit = 512 * 2 ** 20) {
    this.request = request;
    /** @type {ByteCache<LoadedFrame>} */
    this.cache = new ByteCache(limit);
    /** @type {Map<string, Load>} */
    this.loads = new Map();
    this.running = 0;
    this.bytesReceived = 0;
  }

  /** What is there already. @param {Source} source @returns {LoadedFrame | undefined} */
  ready(source) {
    return this.cache.get(keyOf(source));
  }

  /**
   * @param {Source} source
   * @param {AbortSignal} signal
   * @param {number} [priority]
   * @returns {Promise<LoadedFrame>}
   * @throws {BadPixels} the frame cannot be decoded
   * @throws {import('../../shared/api.js').Problem}
   */
  load(source, signal, priority = SEEN) {
    const known = this.ready(source);
    if (known !== undefined) {
      return Promise.resolve(known);
    }
    if (signal.aborted) {
      return Promise.reject(signal.reason);
    }
    const load = this.loadOf(source, priority);
    const waiter = {};
    load.waiters.add(waiter);
    return new Promise((resolve, reject) => {
      const leave = () => {
        load.waiters.delete(waiter);
        if (load.waiters.size === 0) {
          this.forget(load);
        }
        reject(signal.reason);
      };
      signal.addEventListener('abort', leave, { once: true });
      load.promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
      this.next();
    });
  }

  /** @param {Source} source @param {number} priority @returns {Load} */
  loadOf(source, priority) {
    const key = keyOf(source);
    const known = this.loads.get(key);
    if (known !== undefined) {
      known.priority = Math.min(known.priority, priority);
      return known;
    }
    /** @type {any} */
    const settle = {};
    const promise = new Promise((resolve, reject) => Object.assign(settle, { resolve, reject }));
    promise.catch(() => {}); // whoever waits has its own
    const load = {
      source, priority, waiters: new Set(), controller: new AbortController(), isStarted: false, promise, settle,
    };
    this.loads.set(key, load);
    return load;
  }

  /** Nobody waits for it any more. @param {Load} load */
  forget(load) {
    if (this.loads.get(keyOf(load.source)) === load) {
      this.loads.delete(keyOf(load.source));
    }
    load.controller.abort();
  }

  next() {
    while (this.running < AT_ONCE) {
      let best = null;
      for (const load of this.loads.values()) { // the earliest of the most urgent
        if (!load.isStarted && (best === null || load.priority < best.priority)) {
          best = load;
        }
      }
      if (best === null) {
        return;
      }
      this.start(best);
    }
  }

  /** @param {Load} load */
  async start(load) {
    load.isStarted = true;
    this.running += 1;
    try {
      const frame = await this.fetched(load);
      this.cache.set(keyOf(load.source), frame, frame.bytes);
      load.settle.resolve(frame);
    } catch (error) {
      load.settle.reject(error);
    } finally {
      this.running -= 1;
      if (this.loads.get(keyOf(load.source)) === load) {
        this.loads.delete(keyOf(load.source));
      }
      this.next();
    }
  }

  /** @param {Load} load @returns {Promise<LoadedFrame>} */
  async fetched({ source, controller }) {
    // pixels of an instance do not change under its Orthanc id; the browser may still ask whether they are there
    const answer = await this.request(source.address, { signal: controller.signal });
    const buffer = await answer.arrayBuffer();
    this.bytesReceived += buffer.byteLength;
    const { slope, intercept, padding } = source;
    return { ...readNpy(buffer), slope, intercept, padding, key: keyOf(source), bytes: buffer.byteLength };
  }
}

/** @param {Source} source */
function keyOf({ address, slope, intercept, padding }) {
  return `${address} ${slope} ${intercept} ${padding}`;
}

export { BadPixels };
