// @ts-check
/** Points of one Frame of Reference in another, by the server's own path, up to a thousand a request; each asked for once. */

/**
 * @typedef {import('../../shared/geometry.js').Vector} Vector
 *
 * @typedef {object} Mapped
 * @property {(Vector | null)[]} points null: the transform does not reach there
 * @property {string | null} reason why there is no way at all, as resolve says it
 * @property {string | null} method
 * @property {readonly string[]} path of transforms
 * @property {any[]} places as POST /points/map answers: uncertainty and grade of each
 */

const AT_ONCE = 1000; // points of a request
const KEPT = 300; // answers

export class Maps {
  /** @param {import('../../shared/api.js').Api} api @param {() => string} patient whose points they are */
  constructor(api, patient) {
    this.api = api;
    this.patient = patient;
    /** @type {Map<string, Promise<Mapped>>} */
    this.asked = new Map();
    this.requests = 0;
    /** @type {Set<string>} transforms by which something was mapped */
    this.paths = new Set();
    /** @type {Map<string, number>} how fine a grid was needed last, by pair of frames (plane_map.js) */
    this.levels = new Map();
  }

  /** Transforms may have changed. */
  forget() {
    this.asked.clear();
    this.paths.clear();
  }

  /**
   * @param {string} key names the points: the same key is the same points
   * @param {string} source FrameOfReferenceUID
   * @param {string} target
   * @param {readonly Vector[]} points
   * @param {AbortSignal} signal
   * @returns {Promise<Mapped>}
   */
  map(key, source, target, points, signal) {
    const name = `${source} ${target} ${key}`;
    let found = this.asked.get(name);
    if (found === undefined) {
      found = source === target ? Promise.resolve(itself(points)) : this.ask(source, target, points, signal);
      found.catch(() => this.asked.delete(name));
      this.asked.set(name, found);
      for (const oldest of this.asked.keys()) {
        if (this.asked.size <= KEPT) {
          break;
        }
        this.asked.delete(oldest);
      }
    }
    return found;
  }

  /** @param {string} source @param {string} target @param {readonly Vector[]} points @param {AbortSignal} signal @returns {Promise<Mapped>} */
  async ask(source, target, points, signal) {
    const parts = [];
    for (let start = 0; start < points.length; start += AT_ONCE) {
      parts.push(points.slice(start, start + AT_ONCE));
    }
    const answers = await Promise.all(parts.map((part) => {
      this.requests += 1;
      return this.api.map({
        sourceFrameOfReferenceUid: source, targetFrameOfReferenceUid: target, patientId: this.patient(), points: part,
      }, { signal });
    }));
    const places = answers.flatMap((answer) => answer.points);
    const [{ reason, method, path }] = answers;
    path?.forEach((/** @type {string} */ id) => this.paths.add(id));
    return { points: places.map(({ point }) => point), places, reason, method, path: path ?? [] };
  }
}

/** @param {readonly Vector[]} points @returns {Mapped} */
function itself(points) {
  const place = { reason: null, uncertaintyMm: null, uncertaintySource: 'sharedFrame', grade: 'unknown' };
  return { points: [...points], places: points.map((point) => ({ ...place, point })), reason: null, method: null, path: [] };
}
