// @ts-check
/** What was used last, up to a number of bytes. */

/** @template T */
export class ByteCache {
  /** @param {number} limit bytes */
  constructor(limit) {
    this.limit = limit;
    this.bytes = 0;
    /** @type {Map<string, {value: T, bytes: number}>} in the order of last use */
    this.entries = new Map();
  }

  /** @param {string} key @returns {T | undefined} */
  get(key) {
    const entry = this.entries.get(key);
    if (entry !== undefined) {
      this.entries.delete(key);
      this.entries.set(key, entry);
    }
    return entry?.value;
  }

  /** @param {string} key */
  has(key) {
    return this.entries.has(key);
  }

  /** One that is larger than the limit stays alone. @param {string} key @param {T} value @param {number} bytes */
  set(key, value, bytes) {
    this.delete(key);
    this.entries.set(key, { value, bytes });
    this.bytes += bytes;
    for (const oldest of this.entries.keys()) {
      if (this.bytes <= this.limit || this.entries.size === 1) {
        break;
      }
      this.delete(oldest);
    }
  }

  /** @param {string} key */
  delete(key) {
    this.bytes -= this.entries.get(key)?.bytes ?? 0;
    this.entries.delete(key);
  }
}
