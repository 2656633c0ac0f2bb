// @ts-check
/** Looking for attributes by name, keyword, tag number or value. Pure. */

/**
 * Those that have every word of the text; of a sequence whose own names do not, the items with those that do.
 *
 * @param {any[]} attributes as GET /instances/{instance}/header has them
 * @param {string} text "" finds all
 * @returns {{attributes: any[], count: number}} `count` of those that were found, nested ones too
 */
export function search(attributes, text) {
  const words = folded(text).split(/\s+/).filter(Boolean);
  let count = 0;
  /** @param {any} attribute @returns {any | null} */
  const found = (attribute) => {
    const has = hasAll(attribute, words);
    count += has ? 1 : 0;
    if (attribute.items === null || has) {
      return has ? attribute : null;
    }
    const items = attribute.items.map((/** @type {any[]} */ item) => item.map(found).filter(Boolean))
      .filter((/** @type {any[]} */ item) => item.length);
    return items.length ? { ...attribute, items } : null;
  };
  return { attributes: attributes.map(found).filter(Boolean), count };
}

/** @param {any} attribute @param {string[]} words */
function hasAll({ tag, keyword, name, value }, words) {
  const text = folded(`${tag} (${tag}) ${tag.replace(',', '')} ${keyword} ${name} ${value ?? ''}`);
  return words.every((each) => text.includes(each));
}

/** @param {string} text */
function folded(text) {
  return text.normalize('NFKD').replace(/[\u0300-\u036f]/g, '').toLowerCase();
}
