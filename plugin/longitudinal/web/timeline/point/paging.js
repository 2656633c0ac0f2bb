// @ts-check
/** Never twenty tiny tiles: pages of a few, with what matters on each of them. */

/**
 * @template T
 * @param {T[]} all in time order
 * @param {T[]} pinned on every page
 * @param {number} size of a page
 * @param {number} index of the page, 0-based
 * @returns {T[]} in time order
 */
export function pageOf(all, pinned, size, index) {
  if (all.length <= size) {
    return all;
  }
  const others = all.filter((one) => !pinned.includes(one));
  const room = Math.max(1, size - pinned.length);
  const last = Math.max(0, others.length - room);
  const seen = others.slice(Math.min(index * room, last), Math.min(index * room, last) + room);
  return all.filter((one) => pinned.includes(one) || seen.includes(one));
}

/** @param {number} count @param {number} pinned @param {number} size */
export function pagesOf(count, pinned, size) {
  return count <= size ? 1 : Math.ceil((count - pinned) / Math.max(1, size - pinned));
}
