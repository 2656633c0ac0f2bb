// @ts-check
/** The attributes of the slice that was used last, beside the point view; `T` opens and closes them. */

import { html, useEffect, useState } from '../../shared/html.js';
import { word } from '../../shared/words.js';
import { actionOf, areLettersOn } from '../keyboard.js';
import { HeaderPanel } from './header.js';

/** @param {{page: import('../point/page_model.js').PageModel}} props drawn again whenever the page changes */
export function ShownHeader({ page }) {
  const [isOpen, setOpen] = useState(false);
  const tile = page.active ?? page.asked;
  const picture = tile?.shown?.picture ?? null;
  const [, draw] = useState(0);
  useEffect(() => tile?.subscribe(() => draw((count) => count + 1)), [tile]); // another slice
  useEffect(() => {
    const pressed = (/** @type {KeyboardEvent} */ event) => {
      if (actionOf(event, { letters: areLettersOn() })?.name === 'showHeader') {
        event.preventDefault();
        setOpen((before) => !before);
      }
    };
    addEventListener('keydown', pressed);
    return () => removeEventListener('keydown', pressed);
  }, []);
  return html`<button type="button" aria-expanded=${isOpen} onClick=${() => setOpen(!isOpen)}>${word('header.button')}</button>
    ${isOpen && (picture
      ? html`<${HeaderPanel} api=${page.api} instance=${picture.instance} frame=${picture.frameNumber} title=${titleOf(tile)}
          onClose=${() => setOpen(false)} />`
      : html`<aside class="header-panel"><p>${word('header.nothing')}</p></aside>`)}`;
}

/** @param {any} tile */
function titleOf({ study, shown }) {
  return [study.studyDate || word('study.noDate'), shown.series.name, word('header.slice', { number: shown.at + 1 })].filter(Boolean).join(' · ');
}
