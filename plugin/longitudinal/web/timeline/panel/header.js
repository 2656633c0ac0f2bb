// @ts-check
/** The attributes of the shown slice: searchable, nested ones below their sequence, values always as text. */

import { html, useEffect, useState } from '../../shared/html.js';
import { inPath } from '../../shared/api.js';
import { counted, word } from '../../shared/words.js';
import { search } from './attributes.js';

const MOST_SHOWN = 500;
const SETTLING_MS = 150;

/**
 * @param {object} props
 * @param {import('../../shared/api.js').Api} props.api
 * @param {string} props.instance Orthanc id or SOPInstanceUID of the shown slice
 * @param {number} [props.frame] 1-based, of a multi-frame image
 * @param {string} [props.title] what is shown, such as a date and a slice
 * @param {() => void} props.onClose
 */
export function HeaderPanel({ api, instance, frame, title = '', onClose }) {
  const [attributes, setAttributes] = useState(/** @type {any[] | null} */ (null));
  const [problem, setProblem] = useState('');
  const [text, setText] = useState('');
  useEffect(() => {
    const controller = new AbortController();
    const { signal } = controller;
    // who scrolls passes many slices
    const timer = setTimeout(() => api.ask(`/instances/${inPath(instance)}/header${frame ? `?frame=${frame}` : ''}`, { signal }).then(
      (answer) => {
        setAttributes(answer.attributes);
        setProblem('');
      },
      (error) => signal.aborted || setProblem(error.message),
    ), SETTLING_MS);
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [api, instance, frame]);
  const found = attributes === null ? null : search(attributes, text);
  return html`<aside class="header-panel" aria-labelledby="header-title">
    <div class="dialog-head"><h2 id="header-title">${word('header.title')}</h2>
      <button type="button" onClick=${onClose}>${word('help.close')}</button></div>
    ${title && html`<p class="quiet">${title}</p>`}
    <label class="quiet">${word('header.search')}<input type="search" value=${text} spellcheck="false" autocomplete="off"
      onInput=${(/** @type {any} */ event) => setText(event.target.value)} /></label>
    ${problem && html`<p class="problem" role="alert">${word('header.noAnswer', { reason: problem })}</p>`}
    <p class="quiet" role="status">${found === null ? word('app.loading') : counted('header.found', found.count)}</p>
    ${found && html`<ul class="attributes" tabindex="0" aria-label=${word('header.title')}>
      ${found.attributes.slice(0, MOST_SHOWN).map((each) => html`<${Line} key=${each.tag} attribute=${each} isOpen=${text !== ''} />`)}
    </ul>`}
  </aside>`;
}

/** @param {{attribute: any, isOpen: boolean}} props */
function Line({ attribute, isOpen }) {
  const [isChosen, setChosen] = useState(false);
  const name = attribute.name || word('header.private');
  const head = html`<span class="attribute-name">${name}</span> <span class="attribute-tag">${`(${attribute.tag}) ${attribute.keyword}`}</span>`;
  if (attribute.items === null) {
    return html`<li>${head}<span class="attribute-value">${valueOf(attribute)}</span></li>`;
  }
  const left = attribute.itemCount - attribute.items.length;
  return html`<li><details open=${isOpen || isChosen} onToggle=${(/** @type {any} */ event) => setChosen(event.target.open)}>
    <summary>${head}<span class="quiet"> ${counted('header.items', attribute.itemCount)}</span></summary>
    ${(isOpen || isChosen) && attribute.items.map((/** @type {any[]} */ item, /** @type {number} */ number) => html`<ul key=${number} class="attribute-item">
      ${item.map((each) => html`<${Line} key=${each.tag} attribute=${each} isOpen=${isOpen} />`)}</ul>`)}
    ${left > 0 && html`<p class="quiet">${counted('header.itemsLeft', left)}</p>`}
  </details></li>`;
}

/** @param {any} attribute */
function valueOf(attribute) {
  if (attribute.value === null) {
    return html`<em>${word('header.notShown')}</em>`;
  }
  if (attribute.value === '') {
    return html`<em>${word('header.noValue')}</em>`;
  }
  return attribute.isCut ? html`${attribute.value} <em>${word('header.cut')}</em>` : attribute.value;
}
