// @ts-check
/**
 * The values of a study on the plane that was clicked: cut here where its slices are, and meanwhile by the server.
 */

import { Problem } from '../../shared/api.js';
import { pause } from '../../shared/retry.js';
import { frameOf } from '../point/frames.js';
import { SEEN } from '../render/loader.js';
import { inPlane } from '../render/sample.js';
import { CutStack, slicesOf } from './cut.js';
import { Cutter } from './cutter.js';
import { flatPlace, gridOver, gridPlace, wayBetween } from './plane_map.js';
import { readPng16 } from './png16.js';

/**
 * @typedef {import('../point/tile_model.js').TileModel} TileModel
 * @typedef {import('../point/tile_pictures.js').Shown} Shown
 * @typedef {import('../point/series.js').Sequence} Sequence
 *
 * @typedef {object} Screen a canvas that shows the clicked plane
 * @property {TileModel} source whose plane it is
 * @property {Shown} shown of the source
 * @property {readonly number[]} matrix (column, row) of the clicked image for each pixel of the canvas
 * @property {number} width
 * @property {number} height
 *
 * @typedef {{values: Float32Array, from: 'here' | 'server'}} Cut
 */

/** @type {WeakMap<Sequence, CutStack>} */
const STACKS = new WeakMap();
const FROM_SERVER_MS = 250; // slices that are here sooner need no help
const AGAIN_MS = 500;

/** No transform leads from the clicked images to these. */
export class NoWay extends Error {}

export class Cuts {
  /** @param {import('./compare.js').Compare} compare */
  constructor(compare) {
    this.compare = compare;
    this.page = compare.page;
    this.cutter = new Cutter();
  }

  /**
   * @param {TileModel} tile
   * @param {Screen} screen
   * @param {AbortSignal} signal
   * @param {(cut: Cut) => void} early what the server has, while the slices are on their way
   * @returns {Promise<Cut>}
   * @throws {NoWay} and as the loader does
   */
  async values(tile, screen, signal, early) {
    if (tile === screen.source) {
      return { values: flat(/** @type {any} */ (screen.shown.frame), screen), from: 'here' };
    }
    const { sequence } = /** @type {Shown} */ (tile.wanted ?? tile.shown);
    const place = await this.place(screen, sequence);
    const stack = cutStackOf(sequence);
    const { width, height } = screen;
    const { rows, columns } = sizeOf(sequence);
    const range = slicesOf(stack, { rows, columns }, place, width, height);
    if (range === null) {
      return { values: new Float32Array(width * height).fill(NaN), from: 'here' };
    }
    const keys = sequence.pictures.map(({ address }, at) => (address !== null && at >= range[0] && at <= range[1] ? this.page.api.href(address) : null));
    await this.load(keys, tile, screen, signal, early);
    const frame = (/** @type {string} */ key) => frameOf(/** @type {any} */ (this.page.loader.ready(key)), sequence.pictures[keys.indexOf(key)]);
    const here = keys.map((key) => (key !== null && this.page.loader.ready(key) !== undefined ? key : null));
    const values = await this.cutter.cut({
      stack: sequence.pictures[0].address ?? '', planes: stack.planes, endMm: stack.endMm, keys: here, frame, place, width, height,
    });
    return { values, from: 'here' };
  }

  /** @param {Screen} screen @param {Sequence} sequence */
  async place({ shown, matrix }, sequence) {
    const { maps } = this.compare;
    const { signal } = this.page.life;
    const [source, target] = [shown.sequence.frameOfReferenceUid, sequence.frameOfReferenceUid];
    const plane = /** @type {import('../../shared/geometry.js').Plane} */ (shown.picture.plane);
    const way = await wayBetween(maps, source, target, signal);
    if (way.reason !== null) {
      throw new NoWay(way.reason);
    }
    if (way.matrix !== null) {
      return flatPlace(matrix, plane, way.matrix);
    }
    const { rows, columns } = /** @type {any} */ (shown.frame);
    return gridPlace(matrix, { rows, columns }, await gridOver(maps, { source, target, plane, rows, columns }, signal));
  }

  /**
   * Until all slices are here; one that cannot be decoded leaves a gap.
   *
   * @param {(string | null)[]} keys
   * @param {TileModel} tile
   * @param {Screen} screen
   * @param {AbortSignal} signal
   * @param {(cut: Cut) => void} early
   */
  async load(keys, tile, screen, signal, early) {
    const { loader } = this.page;
    const missing = keys.filter((key) => key !== null && loader.ready(key) === undefined);
    if (missing.length === 0) {
      return;
    }
    const helping = new AbortController();
    const help = setTimeout(() => {
      const both = AbortSignal.any([signal, helping.signal]);
      this.fromServer(tile, screen, both).then((cut) => both.aborted || early(cut), () => {}); // the slices are on their way all the same
    }, FROM_SERVER_MS);
    try {
      const results = await Promise.allSettled(missing.map((key) => loader.load(/** @type {string} */ (key), signal, SEEN)));
      signal.throwIfAborted();
      if (results.every(({ status }) => status === 'rejected')) {
        throw /** @type {PromiseRejectedResult} */ (results[0]).reason;
      }
    } finally {
      clearTimeout(help);
      helping.abort();
    }
  }

  /**
   * One value for each pixel of the clicked image; asked again until the worker has made it.
   *
   * @param {TileModel} tile
   * @param {Screen} screen
   * @param {AbortSignal} signal
   * @returns {Promise<Cut>}
   */
  async fromServer(tile, screen, signal) {
    const { api } = this.page;
    const { series, sequence } = /** @type {Shown} */ (tile.wanted ?? tile.shown);
    const { sopInstanceUid, frameNumber } = screen.shown.picture;
    const query = new URLSearchParams({
      sopInstanceUid, frameNumber: String(frameNumber), seriesInstanceUid: tile.seriesId(series.uid), stack: sequence.key, wait: '2',
    });
    for (;;) {
      try {
        const answer = await api.request(api.href(`${api.root}/points/reslice?${query}`), { signal });
        const frame = await readPng16(await answer.arrayBuffer());
        return { values: flat(frame, screen), from: 'server' };
      } catch (error) {
        if (!(error instanceof Problem) || !error.mayPass) {
          throw error;
        }
      }
      await pause(AGAIN_MS, signal); // not ready yet
    }
  }
}

/** The values of one picture on the canvas. @param {import('../render/sample.js').Frame} frame @param {Screen} screen */
function flat(frame, { matrix: [ci, cj, c0, ri, rj, r0], width, height }) {
  const values = new Float32Array(width * height);
  for (let j = 0, at = 0; j < height; j += 1) {
    for (let i = 0; i < width; i += 1, at += 1) {
      values[at] = inPlane(frame, ci * i + cj * j + c0, ri * i + rj * j + r0);
    }
  }
  return values;
}

/** @param {Sequence} sequence */
function cutStackOf(sequence) {
  let stack = STACKS.get(sequence);
  if (stack === undefined) {
    const { pictures } = sequence;
    stack = new CutStack(/** @type {any} */ (pictures.map(({ plane }) => plane)), pictures[0].reach[0]);
    STACKS.set(sequence, stack);
  }
  return stack;
}

/** @param {Sequence} sequence the largest of its pictures */
function sizeOf({ pictures }) {
  return { rows: Math.max(...pictures.map(({ rows }) => rows ?? 1)), columns: Math.max(...pictures.map(({ columns }) => columns ?? 1)) };
}
