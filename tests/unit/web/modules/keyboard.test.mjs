import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './web.mjs';

/** As much of the browser's elements as the module asks. */
class Element {
  constructor(type = 'div', within = []) {
    Object.assign(this, { type, within: [type, ...within] });
  }

  closest(selector) {
    return selector.split(',').map((each) => each.trim().split('[')[0]).some((name) => name && this.within.includes(name)) ? this : null;
  }
}
class HTMLInputElement extends Element {}
Object.assign(globalThis, { Element, HTMLInputElement });
const { GROUPS, actionOf } = await load('timeline/keyboard.js');
const { hasWord } = await load('shared/words.js');

const press = (key, more = {}) => ({
  key, target: null, altKey: false, ctrlKey: false, metaKey: false, shiftKey: false, isComposing: false, defaultPrevented: false, ...more,
});

test('each key of the map does what its line says', () => {
  for (const { name, value, keys } of GROUPS.flatMap((group) => group.keys)) {
    for (const chord of keys) {
      const key = chord === '+' ? '+' : chord.split('+').at(-1);
      const event = press(key, { altKey: chord.startsWith('Alt+'), shiftKey: chord.includes('Shift+') });
      assert.deepEqual(actionOf(event), value === undefined ? { name } : { name, value }, chord);
    }
  }
});

test('no key stands twice in the map, and each line has its words', () => {
  const chords = GROUPS.flatMap((group) => group.keys.flatMap(({ keys }) => keys));
  assert.equal(new Set(chords).size, chords.length);
  for (const { name, keys, gestures } of GROUPS) {
    assert.ok(hasWord(`keys.group.${name}`), name);
    for (const each of [...keys, ...gestures]) {
      assert.ok(hasWord(`keys.${each.name}`), each.name);
    }
  }
});

test('a letter acts whatever the caps lock says, with Shift it is another key', () => {
  assert.deepEqual(actionOf(press('G')), { name: 'backToPlace' });
  assert.equal(actionOf(press('G', { shiftKey: true })), null);
});

test('a sign acts where the layout has it, with Shift or without', () => {
  for (const shiftKey of [false, true]) {
    assert.deepEqual(actionOf(press('?', { shiftKey })), { name: 'help' });
    assert.deepEqual(actionOf(press('+', { shiftKey })), { name: 'zoomIn' });
  }
});

test('nothing acts in a text field, a dialog, while a word is composed, or with the browser’s own keys', () => {
  for (const target of [new HTMLInputElement('text'), new HTMLInputElement('search'), new HTMLInputElement('number'),
    new Element('textarea'), new Element('select'), new Element('button', ['dialog'])]) {
    for (const key of ['g', '?', '1', 'ArrowUp', 'Home', ' ', 'Enter', 'Escape']) {
      assert.equal(actionOf(press(key, { target })), null, `${target.type} ${key}`);
    }
  }
  for (const more of [{ ctrlKey: true }, { metaKey: true }, { isComposing: true }, { defaultPrevented: true }]) {
    assert.equal(actionOf(press('g', more)), null);
  }
});

test('a slider keeps its arrows, a button its Enter and Space; all else acts', () => {
  const slider = new HTMLInputElement('range');
  assert.equal(actionOf(press('ArrowUp', { target: slider })), null);
  assert.deepEqual(actionOf(press('g', { target: slider })), { name: 'backToPlace' });
  const button = new Element('button');
  assert.equal(actionOf(press(' ', { target: button })), null);
  assert.equal(actionOf(press('Enter', { target: button })), null);
  assert.deepEqual(actionOf(press('ArrowUp', { target: button })), { name: 'previousSlice' });
});

test('single characters can be switched off, the other keys stay', () => {
  for (const key of ['g', '1', '+', '?', '/']) {
    assert.equal(actionOf(press(key), { letters: false }), null, key);
  }
  assert.deepEqual(actionOf(press('ArrowUp'), { letters: false }), { name: 'previousSlice' });
  assert.deepEqual(actionOf(press(' '), { letters: false }), { name: 'reset' });
});
