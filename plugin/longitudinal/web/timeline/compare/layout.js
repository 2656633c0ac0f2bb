// @ts-check
/**
 * How a patient is laid out on the page, as a text in its address: what is linked, cut, compared, windowed, pinned, filtered
 * and where. `name:value` parts with ";" between them; only what is not as it is at first.
 */

/**
 * @typedef {object} Layout
 * @property {string[]} [off] actions that are not linked
 * @property {string[]} [alone] studies that are left out of all links
 * @property {boolean} [cut] the same cut of all
 * @property {string[]} [pair] mode, first and second study
 * @property {string[]} [pins] studies on every page
 * @property {string[]} [filters]
 * @property {number} [page]
 * @property {number[]} [window] center and width of all with Hounsfield units
 * @property {Record<string, number[]>} [changes] by modality: shift and factor
 * @property {Record<string, number[]>} [ranges] by study: center and width of it alone
 * @property {Record<string, string>} [series] by study, where it is not the one that holds the place
 * @property {number} [scale] mm of a CSS pixel
 * @property {number[]} [anchor] CSS pixels
 * @property {number} [at] mm along the line from the place
 */

const LONGEST = 8000; // a browser's address holds more, servers and mail programs less

/** @param {Layout} layout @returns {string} '' where all is as at first */
export function writeLayout(layout) {
  const parts = Object.entries(layout).map(([name, value]) => {
    if (value === undefined || value === false || (typeof value === 'object' && Object.keys(value).length === 0)) {
      return null;
    }
    if (value === true) {
      return name;
    }
    const text = Array.isArray(value) ? value.map(shortened).join()
      : typeof value === 'object' ? Object.entries(value).map(([key, one]) => `${safe(key)}=${[one].flat().map(shortened).join('/')}`).join()
        : shortened(value);
    return `${name}:${text}`;
  }).filter((part) => part !== null);
  const text = parts.join(';');
  return text.length > LONGEST ? '' : text;
}

/** Whatever is no layout of ours is left out. @param {string} text @returns {Layout} */
export function readLayout(text) {
  /** @type {any} */
  const layout = {};
  for (const part of text.slice(0, LONGEST).split(';')) {
    const [, name = '', value = ''] = /^([a-z]+)(?::(.*))?$/s.exec(part) ?? [];
    const found = READERS.get(name)?.(value);
    if (found !== undefined) {
      layout[name] = found;
    }
  }
  return layout;
}

const words = (/** @type {string} */ text) => text.split(',').map(decoded).filter(Boolean);
const number = (/** @type {string} */ text) => (text !== '' && Number.isFinite(Number(text)) ? Number(text) : undefined);
const numbers = (/** @type {string} */ text, count = 2) => {
  const all = text.split(/[,/]/).map(Number);
  return all.length === count && all.every(Number.isFinite) ? all : undefined;
};
const pairs = (/** @type {string} */ text, /** @type {(one: string) => any} */ read) => Object.fromEntries(text.split(',')
  .map((part) => [decoded(part.split('=')[0]), read(part.split('=')[1] ?? '')]).filter(([key, value]) => key && value !== undefined));

/** @type {Map<string, (text: string) => any>} */
const READERS = new Map(Object.entries({
  off: words, alone: words, pair: words, pins: words, filters: words, cut: () => true, page: number, scale: number, at: number,
  window: numbers, anchor: numbers, changes: (/** @type {string} */ text) => pairs(text, numbers), ranges: (/** @type {string} */ text) => pairs(text, numbers),
  series: (/** @type {string} */ text) => pairs(text, (one) => decoded(one) || undefined),
}));

/** @param {unknown} value */
function shortened(value) {
  return typeof value === 'number' ? String(Number(value.toPrecision(7))) : safe(String(value));
}

/** @param {string} text */
function safe(text) {
  return encodeURIComponent(text);
}

/** @param {string} text */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}
