// @ts-check
/** Something that changes, and who wants to know. */

import { useLayoutEffect, useReducer } from './html.js';

export class Observable {
  constructor() {
    /** @type {Set<() => void>} */
    this.listeners = new Set();
  }

  /** @param {() => void} listener @returns {() => void} ends it */
  subscribe(listener) {
    this.listeners.add(listener);
    return () => {
      this.listeners.delete(listener);
    };
  }

  changed() {
    for (const listener of [...this.listeners]) {
      listener();
    }
  }
}

/**
 * Have a component drawn again at each change.
 *
 * @template {Observable} T
 * @param {T} observable
 * @returns {T}
 */
export function useObservable(observable) {
  const [, draw] = useReducer((/** @type {number} */ count) => count + 1, 0);
  useLayoutEffect(() => observable.subscribe(() => draw(undefined)), [observable]);
  return observable;
}
