// @ts-check
/** The keyboard and the pointer, listed; single letters can be switched off here. */

import { html, useEffect, useRef, useState } from '../../shared/html.js';
import { word } from '../../shared/words.js';
import { GROUPS, actionOf, areLettersOn, setLetters } from '../keyboard.js';

/** A button that opens the help; `?` does so too. */
export function HelpButton() {
  const [isOpen, setOpen] = useState(false);
  useEffect(() => {
    const pressed = (/** @type {KeyboardEvent} */ event) => {
      if (actionOf(event, { letters: areLettersOn() })?.name === 'help') {
        event.preventDefault();
        setOpen(true);
      }
    };
    addEventListener('keydown', pressed);
    return () => removeEventListener('keydown', pressed);
  }, []);
  return html`<button type="button" class="help-button" onClick=${() => setOpen(true)} aria-haspopup="dialog">${word('help.button')}</button>
    ${isOpen && html`<${Help} onClose=${() => setOpen(false)} />`}`;
}

/** @param {{onClose: () => void}} props */
function Help({ onClose }) {
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const [letters, change] = useState(areLettersOn);
  useEffect(() => dialog.current?.showModal(), []);
  /** @param {any} event */
  function switched(event) {
    setLetters(event.target.checked);
    change(event.target.checked);
  }
  return html`<dialog ref=${dialog} class="help" aria-labelledby="help-title" onClose=${onClose}>
    <div class="dialog-head"><h2 id="help-title">${word('help.title')}</h2>
      <button type="button" onClick=${() => dialog.current?.close()}>${word('help.close')}</button></div>
    <p><label><input type="checkbox" checked=${letters} onChange=${switched} /> ${word('help.letters')}</label></p>
    <div class="help-groups" tabindex="0" role="region" aria-label=${word('help.title')}>${GROUPS.map((group) => html`<section key=${group.name}><h3>${word(`keys.group.${group.name}`)}</h3>
      <dl>
        ${linesOf(group).map(({ key, keys, text }) => html`<div key=${key}><dt>${keys}</dt><dd>${text}</dd></div>`)}
      </dl></section>`)}
    </div>
  </dialog>`;
}

/**
 * Presets are one line, and an arrow with Shift is told by the arrow without.
 *
 * @param {typeof GROUPS[number]} group
 */
function linesOf(group) {
  const lines = group.gestures.map(({ name }) => ({
    key: name, keys: word(`keys.by.${name}`), text: word(`keys.${name}`),
  }));
  const seen = new Set();
  for (const { name, keys } of group.keys) {
    if (!seen.has(name)) {
      seen.add(name);
      lines.push({ key: name, keys: name === 'windowPreset' ? '1 … 9' : keys.map(readableChord).join(', '), text: word(`keys.${name}`) });
    }
  }
  return lines;
}

/** @param {string} chord */
function readableChord(chord) {
  const parts = chord === '+' ? ['+'] : chord.split('+');
  return parts.map((part) => (part.length === 1 && part !== ' ' ? part.toUpperCase() : word(`keys.name.${part === ' ' ? 'Space' : part}`)))
    .join(' + ');
}
