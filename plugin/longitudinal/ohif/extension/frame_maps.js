// @ts-check
/** Points of one frame of reference in another, by the server's transforms; what is linear is asked for once. */

import { Problem } from '../../web/shared/api.js';
import { affineOf, applied } from '../../web/shared/geometry.js';

/** A transform may be rejected or deleted at any time: what is known of it holds for so long. */
const HOLDS_MS = 5000;
const PROBE_MM = 100;
/** By how much a fifth point may miss what four points say: the server's numbers have less error than that. */
const LINEAR_MM = 1e-3;

/** @typedef {{point: number[]} | {reason: string}} Mapped where the point lies, or why it is not known */
/** @typedef {{at: number, affine: number[][] | null, reason: string | null}} Known three rows of four, or null where each point is asked for */

export class FrameMaps {
  /** @param {import('../../web/shared/api.js').Api} api @param {AbortSignal} life */
  constructor(api, life) {
    this.api = api;
    this.life = life;
    /** @type {Map<string, Promise<Known>>} */
    this.known = new Map();
  }

  /** Have everything asked for again. */
  forget() {
    this.known.clear();
  }

  /**
   * @param {string} source frame of reference
   * @param {string} target
   * @param {string} patientId
   * @param {readonly number[]} point LPS mm
   * @returns {Promise<Mapped>}
   */
  async map(source, target, patientId, point) {
    if (source === target) {
      return { point: [...point] };
    }
    const key = `${source} ${target}`;
    let known = await this.known.get(key);
    if (known === undefined || performance.now() - known.at > HOLDS_MS) {
      const asked = this.learn(source, target, patientId, point);
      this.known.set(key, asked);
      asked.catch(() => this.known.delete(key));
      known = await asked;
    }
    if (known.reason !== null) {
      return { reason: known.reason };
    }
    if (known.affine !== null) {
      return { point: applied(known.affine, point) };
    }
    const { points } = await this.ask(source, target, patientId, [point]);
    return points[0].point === null ? { reason: points[0].reason } : { point: points[0].point };
  }

  /** @param {string} source @param {string} target @param {string} patientId @param {readonly number[]} origin @returns {Promise<Known>} */
  async learn(source, target, patientId, origin) {
    const steps = [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]];
    const probes = steps.map((step) => step.map((value, axis) => origin[axis] + PROBE_MM * value));
    const at = performance.now();
    let answer;
    try {
      answer = await this.ask(source, target, patientId, probes);
    } catch (error) {
      if (error instanceof Problem && (error.status === 404 || error.status === 422)) {
        return { at, affine: null, reason: 'notIndexed' }; // a frame that the index does not know
      }
      throw error;
    }
    if (answer.path === null) {
      return { at, affine: null, reason: answer.reason };
    }
    const places = answer.points.map((/** @type {any} */ one) => one.point);
    if (places.includes(null)) {
      return { at, affine: null, reason: null };
    }
    const affine = affineOf(origin, places.slice(0, 4), PROBE_MM);
    const said = applied(affine, probes[4]);
    const miss = Math.hypot(...said.map((value, axis) => value - places[4][axis]));
    const isLinear = answer.method !== 'deformable' && miss < LINEAR_MM;
    return { at, affine: isLinear ? affine : null, reason: null };
  }

  /** @param {string} source @param {string} target @param {string} patientId @param {readonly (readonly number[])[]} points */
  ask(source, target, patientId, points) {
    const request = { sourceFrameOfReferenceUid: source, targetFrameOfReferenceUid: target, patientId, points };
    return this.api.map(request, { signal: this.life });
  }
}
