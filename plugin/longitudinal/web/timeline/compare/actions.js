// @ts-check
/** What the tiles can do together. */

/** @typedef {'scroll' | 'zoom' | 'pan' | 'window'} Action */

/** @type {readonly Action[]} */
export const ACTIONS = Object.freeze(['scroll', 'zoom', 'pan', 'window']);
