// @ts-check
/** Places that are left out of the list, kept in this browser: nothing about the place itself changes. */

const KEY = 'longitudinal.hiddenPlaces';
const MOST = 1_000;

/** @returns {Set<string>} ids */
export function hiddenPlaces() {
  try {
    return new Set(JSON.parse(localStorage.getItem(KEY) ?? '[]'));
  } catch {
    return new Set(); // a browser that keeps nothing
  }
}

/** @param {string} id @param {boolean} isHidden @returns {Set<string>} all that are hidden now */
export function hidePlace(id, isHidden) {
  const hidden = hiddenPlaces();
  hidden.delete(id);
  if (isHidden) {
    hidden.add(id);
  }
  try {
    localStorage.setItem(KEY, JSON.stringify([...hidden].slice(-MOST)));
  } catch {
    // a browser that keeps nothing
  }
  return hidden;
}
