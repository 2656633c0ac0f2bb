// @ts-check
/**
 * The keyboard map: one table for what acts and for the help that lists it.
 *
 * Pure: a key event goes in, the name of an action comes out; the words of an action are in shared/words.js under its name.
 */

/**
 * @typedef {object} Action
 * @property {string} name such as "nextSlice"
 * @property {number} [value] which preset (1 to 9), or how many pixels the crosshair goes
 *
 * @typedef {object} Key
 * @property {string} name of the action
 * @property {string[]} keys as KeyboardEvent.key has them, letters in lower case, "Alt+" and "Shift+" before it
 * @property {number} [value]
 * @property {boolean} [isOnce] a key that is held down acts once
 *
 * @typedef {object} Gesture what a pointer does, for the help alone
 * @property {string} name
 */

/** @type {readonly {name: string, keys: readonly Key[], gestures: readonly Gesture[]}[]} */
export const GROUPS = Object.freeze([
  {
    name: 'move',
    gestures: [{ name: 'wheelSlice' }, { name: 'wheelFiveSlices' }],
    keys: [
      { name: 'previousSlice', keys: ['ArrowUp'] },
      { name: 'nextSlice', keys: ['ArrowDown'] },
      { name: 'firstSlice', keys: ['Home'] },
      { name: 'lastSlice', keys: ['End'] },
      { name: 'previousSeries', keys: ['PageUp'] },
      { name: 'nextSeries', keys: ['PageDown'] },
      { name: 'previousStudy', keys: ['ArrowLeft'] },
      { name: 'nextStudy', keys: ['ArrowRight'] },
      { name: 'cine', keys: ['c'] },
    ],
  },
  {
    name: 'place',
    gestures: [{ name: 'clickPlace' }, { name: 'dragCrosshair' }],
    keys: [
      { name: 'setPlace', keys: ['Enter'] },
      ...crosshair('crosshairUp', 'ArrowUp'),
      ...crosshair('crosshairDown', 'ArrowDown'),
      ...crosshair('crosshairLeft', 'ArrowLeft'),
      ...crosshair('crosshairRight', 'ArrowRight'),
      { name: 'backToPlace', keys: ['g'] },
      { name: 'keepPlace', keys: ['m'] },
      { name: 'cancel', keys: ['Escape'] },
    ],
  },
  {
    name: 'picture',
    gestures: [{ name: 'dragWindow' }, { name: 'dragPan' }, { name: 'dragZoom' }, { name: 'wheelZoom' }],
    keys: [
      { name: 'zoomIn', keys: ['+'] },
      { name: 'zoomOut', keys: ['-'] },
      { name: 'fit', keys: ['='] },
      { name: 'reset', keys: [' '] },
      ...[1, 2, 3, 4, 5, 6, 7, 8, 9].map((value) => ({ name: 'windowPreset', keys: [String(value)], value })),
      { name: 'invert', keys: ['i'] },
      { name: 'flipHorizontally', keys: ['h'] },
      { name: 'flipVertically', keys: ['v'] },
    ],
  },
  {
    name: 'compare',
    gestures: [],
    keys: [
      { name: 'sameCut', keys: ['s'], isOnce: true },
      { name: 'blink', keys: ['b'], isOnce: true },
      { name: 'checkerboard', keys: ['Shift+b'], isOnce: true },
      { name: 'swipe', keys: ['Shift+s'], isOnce: true },
      { name: 'difference', keys: ['d'], isOnce: true },
      { name: 'fusion', keys: ['f'], isOnce: true },
      { name: 'toggleLink', keys: ['k'], isOnce: true },
      { name: 'toggleTileLink', keys: ['Shift+k'], isOnce: true },
    ],
  },
  {
    name: 'page',
    gestures: [],
    keys: [
      { name: 'openInOhif', keys: ['j'] },
      { name: 'showHeader', keys: ['t'] },
      { name: 'drawDiameter', keys: ['Shift+m'] },
      { name: 'review', keys: ['r'] },
      { name: 'search', keys: ['/'] },
      { name: 'help', keys: ['?'] },
    ],
  },
]);

/** @type {ReadonlyMap<string, Key>} */
const BY_CHORD = new Map(GROUPS.flatMap((group) => group.keys.flatMap((key) => key.keys.map((chord) => [chord, key]))));

/** Input types that take no text, and the keys that are theirs. */
const OWN_KEYS = Object.freeze({
  range: ['ArrowUp', 'ArrowDown', 'ArrowLeft', 'ArrowRight', 'Home', 'End', 'PageUp', 'PageDown'],
  checkbox: [' '],
  radio: [' ', 'ArrowUp', 'ArrowDown', 'ArrowLeft', 'ArrowRight'],
  button: [' ', 'Enter'],
  submit: [' ', 'Enter'],
  reset: [' ', 'Enter'],
  file: [' ', 'Enter'],
});
const PRESSED = 'button, a[href], summary, [role="button"], [role="link"], [role="tab"]';
const LETTERS_KEY = 'longitudinal.letters';

/**
 * What a key does.
 *
 * @param {KeyboardEvent} event
 * @param {{letters?: boolean}} [options] letters: whether single characters act (WCAG 2.1.4 has them switched off)
 * @returns {Action | null} null: nothing of ours, the browser has it
 */
export function actionOf(event, { letters = true } = {}) {
  if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || isTheElements(event)) {
    return null;
  }
  const isCharacter = event.key.length === 1 && event.key !== ' ';
  if (isCharacter && (!letters || event.altKey)) {
    return null;
  }
  const found = BY_CHORD.get(chordOf(event));
  if (!found || (found.isOnce && event.repeat)) {
    return null;
  }
  return found.value === undefined ? { name: found.name } : { name: found.name, value: found.value };
}

/** Whether single characters act; kept in this browser. */
export function areLettersOn() {
  try {
    return localStorage.getItem(LETTERS_KEY) !== 'off';
  } catch {
    return true; // a browser that keeps nothing
  }
}

/** @param {boolean} isOn */
export function setLetters(isOn) {
  try {
    localStorage.setItem(LETTERS_KEY, isOn ? 'on' : 'off');
  } catch {
    // a browser that keeps nothing
  }
}

/**
 * The crosshair by a pixel, with Shift by ten.
 *
 * @param {string} name
 * @param {string} arrow
 * @returns {Key[]}
 */
function crosshair(name, arrow) {
  return [
    { name, keys: [`Alt+${arrow}`], value: 1 },
    { name, keys: [`Alt+Shift+${arrow}`], value: 10 },
  ];
}

/**
 * A digit or a sign is where the keyboard's layout has it, with Shift or without; a letter with Shift is another key.
 *
 * @param {KeyboardEvent} event
 */
function chordOf(event) {
  const isCharacter = event.key.length === 1;
  const isLetter = isCharacter && event.key.toLowerCase() !== event.key.toUpperCase();
  const shift = event.shiftKey && (isLetter || !isCharacter) ? 'Shift+' : '';
  return `${event.altKey ? 'Alt+' : ''}${shift}${isLetter ? event.key.toLowerCase() : event.key}`;
}

/**
 * Whether the element that has the focus needs this key itself: a text field all of them, a button Enter, a dialog all.
 *
 * @param {KeyboardEvent} event
 */
function isTheElements(event) {
  const target = /** @type {EventTarget | null} */ (event.composedPath?.()[0] ?? event.target);
  if (!(target instanceof Element)) {
    return false;
  }
  if (target.closest('dialog, textarea, select, [contenteditable=""], [contenteditable="true"], [role="dialog"]')) {
    return true;
  }
  if (target instanceof HTMLInputElement) {
    const own = /** @type {Record<string, string[]>} */ (OWN_KEYS)[target.type];
    return own === undefined || own.includes(event.key);
  }
  return (event.key === 'Enter' || event.key === ' ') && target.closest(PRESSED) !== null;
}
