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

/** @type {Set<() => void>} */
const waiting = new Set();

/** All that waits, before the next frame of the screen; at once on a page that nobody sees, which has no frames. @param {() => void} draw */
function withNextFrame(draw) {
  if (document.hidden) {
    draw();
    return;
  }
  if (waiting.size === 0) {
    requestAnimationFrame(() => {
      const drawn = [...waiting];
      waiting.clear();
      drawn.forEach((one) => one());
    });
  }
  waiting.add(draw);
}

/**
 * The same, once a frame of the screen however often it changes: for what changes faster than anybody sees.
 *
 * @template {Observable} T
 * @param {T} observable
 * @returns {T}
 */
export function useObservableByFrame(observable) {
  const [, draw] = useReducer((/** @type {number} */ count) => count + 1, 0);
  useLayoutEffect(() => {
    const redraw = () => draw(undefined);
    const end = observable.subscribe(() => withNextFrame(redraw));
    return () => {
      end();
      waiting.delete(redraw);
    };
  }, [observable]);
  return observable;
}
