// @ts-check
/**
 * Frames from Orthanc: six requests at once, what is seen before what may be, one request for all who wait, and none for
 * those who have left.
 */

import { readNpy } from './npy.js';
import { ByteCache } from './lru.js';

/**
 * @typedef {import('./npy.js').Pixels & {address: string}} StoredFrame
 * @typedef {{address: string, priority: number, waiters: Set<object>, controller: AbortController, isStarted: boolean,
 *   promise: Promise<StoredFrame>, settle: {resolve: (frame: StoredFrame) => void, reject: (error: any) => void}}} Load
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
    /** @type {ByteCache<StoredFrame>} */
    this.cache = new ByteCache(limit);
    /** @type {Map<string, Load>} */
    this.loads = new Map();
    this.running = 0;
    this.bytesReceived = 0;
  }

  /** What is there already. @param {string} address @returns {StoredFrame | undefined} */
  ready(address) {
    return this.cache.get(address);
  }

  /**
   * @param {string} address
   * @param {AbortSignal} signal
   * @param {number} [priority]
   * @returns {Promise<StoredFrame>}
   * @throws {import('./npy.js').BadPixels} the frame cannot be decoded
   * @throws {import('../../shared/api.js').Problem}
   */
  load(address, signal, priority = SEEN) {
    const known = this.ready(address);
    if (known !== undefined) {
      return Promise.resolve(known);
    }
    if (signal.aborted) {
      return Promise.reject(signal.reason);
    }
    const load = this.loadOf(address, priority);
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

  /** @param {string} address @param {number} priority @returns {Load} */
  loadOf(address, priority) {
    const known = this.loads.get(address);
    if (known !== undefined) {
      known.priority = Math.min(known.priority, priority);
      return known;
    }
    /** @type {any} */
    const settle = {};
    const promise = new Promise((resolve, reject) => Object.assign(settle, { resolve, reject }));
    promise.catch(() => {}); // whoever waits has its own
    const load = {
      address, priority, waiters: new Set(), controller: new AbortController(), isStarted: false, promise, settle,
    };
    this.loads.set(address, load);
    return load;
  }

  /** Nobody waits for it any more. @param {Load} load */
  forget(load) {
    if (this.loads.get(load.address) === load) {
      this.loads.delete(load.address);
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
      this.cache.set(load.address, frame, frame.data.buffer.byteLength);
      load.settle.resolve(frame);
    } catch (error) {
      load.settle.reject(error);
    } finally {
      this.running -= 1;
      if (this.loads.get(load.address) === load) {
        this.loads.delete(load.address);
      }
      this.next();
    }
  }

  /** @param {Load} load @returns {Promise<StoredFrame>} */
  async fetched({ address, controller }) {
    const answer = await this.request(address, { signal: controller.signal });
    const buffer = await answer.arrayBuffer();
    this.bytesReceived += buffer.byteLength;
    return { ...readNpy(buffer), address };
  }
}
