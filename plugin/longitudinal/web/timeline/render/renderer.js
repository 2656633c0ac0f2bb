// @ts-check
/**
 * Where pictures are made: small ones here and at once, large ones in workers. The seam for another renderer (WebGL2): what
 * has this `draw` can stand in its place.
 */

import { fitting } from './reduced.js';
import { sampleInto } from './sample.js';

/**
 * @typedef {object} Picture
 * @property {ImageData} image
 * @property {number} reduction 1: every pixel of the frame took part as it is; 2, 4...: means of so many by so many did
 *
 * @typedef {object} Wanted
 * @property {import('./sample.js').Frame} frame
 * @property {string} key of the frame
 * @property {import('./sample.js').VoxelFromCanvas} matrix slice 0
 * @property {import('./sample.js').Window} window
 * @property {number} width
 * @property {number} height
 */

const LARGE_CANVAS = 1_200_000; // pixels: about 20 ms here
const LARGE_FRAME = 4_000_000;
const WORKERS = 2;

export class Renderer {
  /** @param {() => Worker} [makeWorker] */
  constructor(makeWorker = () => new Worker(new URL('./worker.js', import.meta.url), { type: 'module' })) {
    this.makeWorker = makeWorker;
    /** @type {RenderWorker[] | null} made when the first large picture is wanted; empty where there can be none */
    this.workers = null;
  }

  /** @param {Wanted} wanted @returns {Picture | Promise<Picture>} */
  draw(wanted) {
    const { width, height, frame, key } = wanted;
    const isLarge = width * height > LARGE_CANVAS || frame.rows * frame.columns > LARGE_FRAME;
    const worker = isLarge ? this.workerOf(key) : undefined;
    return worker === undefined ? drawHere(wanted) : worker.draw(wanted).catch(() => {
      this.workers = [];
      return drawHere(wanted);
    });
  }

  /** A frame is always with the same one. @param {string} key */
  workerOf(key) {
    if (this.workers === null) {
      try {
        this.workers = Array.from({ length: WORKERS }, () => new RenderWorker(this.makeWorker()));
      } catch {
        this.workers = [];
      }
    }
    let sum = 0;
    for (let at = 0; at < key.length; at += 1) {
      sum += key.charCodeAt(at);
    }
    return this.workers[sum % Math.max(1, this.workers.length)];
  }
}

/** @param {Wanted} wanted @returns {Picture} */
function drawHere({ frame, matrix, window, width, height }) {
  const fitted = fitting(frame, matrix);
  const image = new ImageData(width, height);
  sampleInto(image.data, width, height, [fitted.frame], fitted.matrix, window);
  return { image, reduction: fitted.reduction };
}

/** One worker, which keeps the frames that it was given last. */
class RenderWorker {
  /** @param {Worker} worker */
  constructor(worker) {
    this.worker = worker;
    this.sent = 0;
    /** @type {Map<number, {resolve: (picture: Picture) => void, reject: (error: any) => void}>} */
    this.waiting = new Map();
    worker.onmessage = ({ data }) => {
      const waiter = this.waiting.get(data.id);
      this.waiting.delete(data.id);
      if (data.isMissing) {
        waiter?.reject(new Missing());
      } else {
        waiter?.resolve({ image: new ImageData(data.pixels, data.width), reduction: data.reduction });
      }
    };
    worker.onerror = (event) => {
      event.preventDefault();
      this.waiting.forEach(({ reject }) => reject(new Error('the worker failed')));
      this.waiting.clear();
    };
  }

  /** @param {Wanted} wanted @returns {Promise<Picture>} */
  async draw({ frame, ...rest }) {
    try {
      return await this.send(rest);
    } catch (error) {
      if (!(error instanceof Missing)) {
        throw error;
      }
      return this.send({ frame, ...rest });
    }
  }

  /** @param {object} message @returns {Promise<Picture>} */
  send(message) {
    this.sent += 1;
    const id = this.sent;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.worker.postMessage({ id, ...message });
    });
  }
}

/** The worker does not have the frame. */
class Missing extends Error {}
