// @ts-check
/**
 * All words that people read, by key. A translation is a copy of this file.
 *
 * `{name}` stands for a value. A value is text and never markup.
 */

/** @type {Record<string, string>} */
const WORDS = {
  // The page
  'app.title': 'Timeline',
  'app.notice': 'Not for primary diagnosis',
  'app.find': 'Find',
  'app.loading': 'Loading…',
  'app.viewMissing': 'This part of the page could not be loaded. Load the page again.',

  // Find
  'find.title': 'Find a patient',
};

/**
 * @param {string} key
 * @param {Record<string, string | number>} [values]
 * @returns {string} the key itself where there is no such word, so that the gap is seen
 */
export function word(key, values = {}) {
  const text = WORDS[key];
  if (text === undefined) {
    return key;
  }
  return text.replace(/\{(\w+)\}/g, (gap, name) => (name in values ? String(values[name]) : gap));
}

/** @param {string} key @returns {boolean} */
export function hasWord(key) {
  return key in WORDS;
}

/**
 * One or many: `counted('find.studies', 3)` takes 'find.studies.many', or 'find.studies.one' for 1.
 *
 * @param {string} key
 * @param {number} count
 * @param {Record<string, string | number>} [values]
 */
export function counted(key, count, values = {}) {
  return word(`${key}.${count === 1 ? 'one' : 'many'}`, { count, ...values });
}
