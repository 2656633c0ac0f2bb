// @ts-check
/** Structures and doses at the place, over time, beside the tiles. */

import { html, useEffect, useState } from '../../shared/html.js';
import { useObservable } from '../../shared/observable.js';
import { word } from '../../shared/words.js';
import { Fiducials } from './fiducials.js';
import { doseLines, doubtsOf, structureLines } from './lines.js';
import { outlinesOf } from './outline_model.js';

const SETTLING_MS = 150; // who drags the crosshair passes many places

/** @param {{page: import('../point/page_model.js').PageModel}} props drawn again whenever the page changes */
export function RadiotherapyAtPlace({ page }) {
  const [isOpen, setOpen] = useState(false);
  return html`<button type="button" aria-expanded=${isOpen} onClick=${() => setOpen(!isOpen)}>${word('rt.button')}</button>
    ${isOpen && html`<${Panel} page=${page} question=${page.question} onClose=${() => setOpen(false)} />`}`;
}

/** @param {{page: any, question: any, onClose: () => void}} props */
function Panel({ page, question, onClose }) {
  const [answer, setAnswer] = useState(/** @type {any} */ (null));
  const [problem, setProblem] = useState('');
  useEffect(() => {
    const controller = new AbortController();
    const { signal } = controller;
    const timer = question && setTimeout(() => page.api.ask('/points/radiotherapy', { body: withoutRefine(page.limited(question)), signal }).then(
      (/** @type {any} */ found) => {
        setAnswer({ of: question, studies: found.studies });
        outlinesOf(page).limitTo(page.exam, found.studies);
        setProblem('');
      },
      (/** @type {any} */ error) => signal.aborted || setProblem(error.message),
    ), SETTLING_MS);
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [page, question]);
  const outlines = useObservable(outlinesOf(page));
  const isCurrent = answer?.of === question;
  const studies = answer?.studies.filter((/** @type {any} */ study) => study.structures.length + study.doses.length > 0) ?? [];
  return html`<aside class="header-panel rt-panel" aria-labelledby="rt-title">
    <div class="dialog-head"><h2 id="rt-title">${word('rt.title')}</h2>
      <button type="button" onClick=${onClose}>${word('help.close')}</button></div>
    <p class="quiet">${word('rt.notice')}</p>
    <${Switches} outlines=${outlines} />
    ${problem && html`<p class="problem" role="alert">${word('rt.noAnswer', { reason: problem })}</p>`}
    ${!question && html`<p role="status">${word('rt.noPlace')}</p>`}
    ${question && !isCurrent && !problem && html`<p role="status">${word('app.loading')}</p>`}
    ${isCurrent && studies.length === 0 && html`<p role="status">${word('rt.nothing')}</p>`}
    <div class="rt-studies" tabindex="0" role="region" aria-labelledby="rt-title">
      ${isCurrent && studies.map((/** @type {any} */ study) => html`<${Study} key=${study.studyInstanceUid} study=${study} outlines=${outlines} />`)}
      <${Fiducials} page=${page} /></div>
  </aside>`;
}

/** @param {{outlines: import('./outline_model.js').OutlineModel}} props */
function Switches({ outlines }) {
  /** @param {any} event */
  const show = (event) => outlines.show(event.target.checked);
  /** @param {any} event */
  const showDose = (event) => outlines.showDose(event.target.checked);
  return html`<div class="rt-switches">
    <label><input type="checkbox" checked=${outlines.isOn} onChange=${show} />${word('rt.outlines')}</label>
    ${outlines.isOn && html`<label><input type="checkbox" checked=${outlines.hasDose} onChange=${showDose} />${word('rt.isodoses')}</label>`}
  </div>
  ${outlines.isOn && outlines.problem && html`<p class="problem" role="alert">${word('rt.linesFailed', { reason: outlines.problem })}</p>`}`;
}

/** @param {{study: any, outlines: import('./outline_model.js').OutlineModel}} props */
function Study({ study, outlines }) {
  const { isOn, hidden } = outlines;
  return html`<section>
    <h3>${study.studyDate || word('study.noDate')}</h3>
    <p class="quiet">${doubtsOf(study)}</p>
    <ul class=${isOn ? 'rt-lines switched' : 'rt-lines'}>
      ${[...doseLines(study), ...structureLines(study)].map((line) => html`<li key=${line.key} class=${`rt-line rt-${line.state}`}>
        ${isOn && (line.state === 'dose' || line.isDose ? html`<span></span>` : html`<input type="checkbox" checked=${!hidden.has(line.key)} aria-label=${word('rt.outlineOf', { name: line.name })}
          onChange=${(/** @type {any} */ event) => outlines.showRegion(line.key, event.target.checked)} />`)}
        <${Swatch} colour=${line.colour} /><span class="rt-name">${line.name}</span><span class="rt-text">${line.text}</span>
        ${line.more && html`<span class="rt-more">${line.more}</span>`}
      </li>`)}
    </ul>
  </section>`;
}

/** The colour of a region; a picture in words for nobody: the name stands beside it. @param {{colour: number[] | null}} props */
export function Swatch({ colour }) {
  return html`<svg class="rt-swatch" viewBox="0 0 10 10" aria-hidden="true">
    <rect width="10" height="10" rx="2" fill=${colour ? `rgb(${colour.join(' ')})` : 'none'} stroke="currentColor" /></svg>`;
}

/** @param {any} question */
function withoutRefine({ refine, ...rest }) {
  return rest;
}
