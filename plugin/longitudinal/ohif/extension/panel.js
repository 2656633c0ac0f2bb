// @ts-check
/** The panel: the other studies in time order, and what can be done. In a shadow root: neither side's styles reach the other. */

import { html, render } from '../../web/shared/html.js';
import { useObservable } from '../../web/shared/observable.js';
import { counted, word } from '../../web/shared/words.js';
import { BlinkButtons } from './blink_buttons.js';
import { MOST_SHOWN } from './grid.js';
import { Links } from './links.js';
import { MisfitsList } from './misfits_list.js';
import { PlacesList } from './places_list.js';
import { StudyRow } from './study_row.js';

/** @param {HTMLElement} place @param {import('./session.js').Session} session */
export function renderPanel(place, session) {
  const root = place.shadowRoot ?? place.attachShadow({ mode: 'open' });
  // OHIF's single-letter hotkeys listen on the document: a letter typed here is not one of them
  root.addEventListener('keydown', (event) => event.stopPropagation());
  const sheet = new URL('./panel.css', import.meta.url).href;
  render(html`<link rel="stylesheet" href=${sheet} /><${Panel} session=${session} />`, /** @type {any} */ (root));
}

/** @param {{session: import('./session.js').Session}} props */
function Panel({ session }) {
  const question = useObservable(session.question);
  const { rows, message, asked, answer } = question;
  if (!session.works) {
    return html`<section class="panel"><${Head} /><p class="problem" role="alert">${word('ohif.missing')}</p>
      <ul>${session.missing.needed.map((name) => html`<li key=${name}>${name}</li>`)}</ul></section>`;
  }
  const others = rows.filter(({ match }) => match !== null && !match.isSource).length;
  return html`<section class="panel" aria-label=${word('ohif.title')}>
    <${Head} />
    ${session.missing.optional.length > 0 && html`<p class="problem">${word('ohif.less', { what: session.missing.optional.join(', ') })}</p>`}
    ${session.notices.map((notice) => html`<p class="problem" role="alert" key=${notice}>${notice}</p>`)}
    ${asked === null && html`<p>${word('ohif.hint')}</p>`}
    <div role="status">
      ${message && html`<p class="problem">${message}</p>`}
      ${asked !== null && answer === null && !message && html`<p>${word('ohif.asking')}</p>`}
      ${answer !== null && html`<p>${counted('ohif.found', others, { all: rows.length - 1 })}</p>`}
    </div>
    ${answer !== null && html`<div class="tools">
      <button disabled=${others === 0} onClick=${() => session.attempt(() => session.showAll())}>${others < MOST_SHOWN ? word('ohif.showAll') : word('ohif.showSome', { count: MOST_SHOWN, all: others + 1 })}</button>
      <${BlinkButtons} session=${session} />
    </div>
    <ol class="studies">${rows.map((row) => html`<${StudyRow} key=${row.study} row=${row} session=${session} />`)}</ol>`}
    <${MisfitsList} session=${session} />
    <${Links} session=${session} />
    <${PlacesList} session=${session} />
  </section>`;
}

function Head() {
  return html`<header><h2>${word('ohif.title')}</h2><span class="notice">${word('app.notice')}</span></header>`;
}
