// @ts-check
/**
 * The plugin's routes, for every page of ours: the timeline and Orthanc Explorer.
 *
 * Addresses hold behind a proxy under any path: `prefix` is worked out from the page's own address, and every link that
 * the server hands out ("/instances/...") gets it through `href`.
 */

import { pause } from './pause.js';

/** What the server, or the lack of one, says: `code` is for programs, `title` and `detail` are for people. */
export class Problem extends Error {
  /** @param {{status: number, code: string, title: string, detail: string, retryAfter?: number}} told */
  constructor({ status, code, title, detail, retryAfter = 0 }) {
    super(detail || title);
    this.status = status;
    this.code = code;
    this.title = title;
    this.detail = detail;
    this.retryAfter = retryAfter;
  }

  /** Whether too many requests were sent, here or to a proxy, which says so without a problem. Nothing was carried out. */
  get isLimited() {
    return this.status === 503 && this.retryAfter > 0 && ['rateLimited', 'http503'].includes(this.code);
  }

  /** Whether the same request may succeed in a moment: nobody answered, a proxy did, or the server is busy. */
  get mayPass() {
    return [0, 429, 502, 503, 504].includes(this.status);
  }
}

/** Codes of problems that the server has not given. */
export const NO_ANSWER = 'noAnswer';
export const NOT_JSON = 'notJson';
/** How often a request is sent that is too much for the server, and the longest wait between two of them. */
const TRIES = 10;
const LONGEST_WAIT_MS = 15_000;

/**
 * Where a page of ours is: the plugin's root, and what a proxy has put before it.
 *
 * @param {string} pathname of the page, such as "/pacs/imaging/app/"
 * @param {string} root as the server knows it, such as "/imaging"
 */
export function placeOf(pathname, root) {
  const at = pathname.lastIndexOf(`${root}/app`);
  return { root, prefix: at < 0 ? '' : pathname.slice(0, at) };
}

/**
 * @typedef {object} Options
 * @property {AbortSignal} [signal]
 * @property {unknown} [body] sent as JSON
 * @property {string} [method]
 */

/**
 * fetch from where the page is. A page that was opened by an address with a name and password in it hands them on to
 * relative addresses, which Firefox refuses; the origin has none.
 *
 * @type {typeof fetch}
 */
const fetchHere = (input, init) => fetch(new URL(String(input), location.origin), init);

/** A client of one server. */
export class Api {
  /**
   * @param {{prefix: string, root: string}} place
   * @param {typeof fetch} [fetcher]
   */
  constructor({ prefix, root }, fetcher = fetchHere) {
    this.prefix = prefix;
    this.root = root;
    this.fetcher = fetcher;
    /** Whether a link to a patient was opened: Orthanc's own routes are closed then, and pixels come from ours. */
    this.isShared = false;
  }

  /** @param {string} path absolute on the server, as in `links` */
  href(path) {
    return `${this.prefix}${this.isShared && path.startsWith('/instances/') ? sharedPath(this.root, path) : path}`;
  }

  /**
   * @param {string} path below the plugin's root, such as "/jobs"
   * @param {Options} [options]
   * @returns {Promise<any>}
   * @throws {Problem} or the signal's AbortError
   */
  async ask(path, { signal, body, method = body === undefined ? 'GET' : 'POST' } = {}) {
    const headers = body === undefined ? undefined : { 'Content-Type': 'application/json' };
    const answer = await this.request(this.href(`${this.root}${path}`), {
      method, signal, headers, cache: 'no-store', body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await whole(answer.text(), signal);
    try {
      return text === '' ? null : JSON.parse(text);
    } catch {
      throw new Problem({ status: answer.status, code: NOT_JSON, title: 'The answer is not JSON', detail: '' });
    }
  }

  /**
   * A request of any address of this origin, whose failure is a Problem. One that is refused because too many are sent is
   * sent again after the time that the server names, whatever it asks for.
   *
   * @param {string} address
   * @param {RequestInit} [init]
   * @returns {Promise<Response>}
   */
  async request(address, init = {}) {
    const signal = init.signal ?? undefined;
    for (let attempt = 1; ; attempt += 1) {
      const answer = await whole(this.fetcher(address, { credentials: 'same-origin', ...init }), signal);
      if (answer.ok) {
        return answer;
      }
      const problem = problemOf(answer, await whole(answer.text(), signal));
      if (!problem.isLimited || attempt === TRIES) {
        throw problem;
      }
      await pause(Math.min(LONGEST_WAIT_MS, 1000 * problem.retryAfter), signal);
    }
  }

  /** @param {object} point a pixel or a point, and filters @param {Options} [options] */
  resolve(point, options) {
    return this.ask('/points/resolve', { ...options, body: point });
  }

  /**
   * @param {object} request {sourceFrameOfReferenceUid, targetFrameOfReferenceUid, points: [[x, y, z]]}
   * @param {Options} [options]
   */
  map(request, options) {
    return this.ask('/points/map', { ...options, body: request });
  }

  /** @param {string} id PatientID or Orthanc id @param {Options} [options] */
  patient(id, options) {
    return this.ask(`/patients/${inPath(id)}`, options);
  }

  /** @param {string} id StudyInstanceUID or Orthanc id @param {Options} [options] */
  study(id, options) {
    return this.ask(`/studies/${inPath(id)}`, options);
  }

  /** @param {string} id SeriesInstanceUID or Orthanc id @param {Options} [options] */
  stacks(id, options) {
    return this.ask(`/series/${inPath(id)}/stacks`, options);
  }

  /** @param {string} id @param {Options} [options] */
  job(id, options) {
    return this.ask(`/jobs/${inPath(id)}`, options);
  }

  /** @param {string} id @param {Options} [options] */
  stop(id, options) {
    return this.ask(`/jobs/${inPath(id)}`, { ...options, method: 'DELETE' });
  }

  /** @param {string} study @param {Options} [options] */
  index(study, options) {
    return this.ask(`/studies/${inPath(study)}/index`, { ...options, method: 'POST' });
  }

  /** @param {object} request as POST /alignments takes it @param {Options} [options] */
  align(request, options) {
    return this.ask('/alignments', { ...options, body: request });
  }
}

/** Where Orthanc has the stored values of a frame, 1-based; `links.pixels` of a plane. @param {string} orthancInstanceId */
export function pixelsPath(orthancInstanceId, /** @type {number} */ frameNumber) {
  return `/instances/${orthancInstanceId}/frames/${frameNumber - 1}/numpy?rescale=false`;
}

/** The path of a frame's stored values below our own root. @param {string} root @param {string} path as `pixelsPath` */
function sharedPath(root, path) {
  return `${root}/shared${path.split('?')[0]}`;
}

/** Encoded twice: Orthanc decodes a path once, joins slashes and drops dots at its end. @param {string} text */
export function inPath(text) {
  return encodeURIComponent(encodeURIComponent(text).replaceAll('.', '%2E'));
}

/**
 * @template T
 * @param {Promise<T>} promise of fetch or of a body
 * @param {AbortSignal} [signal]
 * @returns {Promise<T>}
 */
async function whole(promise, signal) {
  try {
    return await promise;
  } catch (error) {
    if (signal?.aborted) {
      throw error;
    }
    throw new Problem({ status: 0, code: NO_ANSWER, title: 'The server does not answer', detail: '' });
  }
}

/** @param {Response} answer @param {string} body */
function problemOf(answer, body) {
  let told = { code: '', title: '', detail: '' };
  try {
    told = { ...told, ...JSON.parse(body) };
  } catch {
    // a proxy's own page says nothing that fits into a line
  }
  return new Problem({
    status: answer.status,
    code: told.code || `http${answer.status}`,
    title: told.title || answer.statusText || String(answer.status),
    detail: told.detail,
    retryAfter: Number(answer.headers.get('Retry-After')) || 0,
  });
}
