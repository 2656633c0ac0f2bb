// @ts-check
/** The place that is open: what is kept in each study, and what can be done with it. */

import { html, useEffect, useRef, useState } from '../../shared/html.js';
import { hasWord, word } from '../../shared/words.js';
import { deletePlace, keepInStudies, linesOf, openPlace, removeFromStudy, renamePlace } from './requests.js';

/**
 * @param {object} props
 * @param {import('../../shared/api.js').Api} props.api
 * @param {string} props.id
 * @param {any[]} props.studies that the page shows, in time order
 * @param {boolean} props.isLimited whether the patient has others, which an exam leaves out
 * @param {number} props.version grows when places or answers have changed
 * @param {() => void} props.onChange
 * @param {() => void} props.onDeleted
 */
export function OpenPlace({ api, id, studies, isLimited, version, onChange, onDeleted }) {
  const [detail, setDetail] = useState(/** @type {any} */ (null));
  const [told, setTold] = useState({ text: '', isBad: false });
  const [isBusy, setBusy] = useState(false);
  useEffect(() => {
    const controller = new AbortController();
    openPlace(api, id, controller.signal).then(setDetail, (error) => controller.signal.aborted || setTold({ text: error.message, isBad: true }));
    return () => controller.abort();
  }, [api, id, version]);
  if (detail === null || detail.place.id !== id) {
    return html`<p role="status" class=${told.isBad ? 'problem' : 'quiet'}>${told.text || word('app.loading')}</p>`;
  }

  /** @param {() => Promise<any>} does @param {(answer: any) => string} tells @param {() => void} [then] */
  async function run(does, tells, then = onChange) {
    setBusy(true);
    setTold({ text: word('places.working'), isBad: false });
    try {
      const answer = await does();
      setTold({ text: tells(answer), isBad: false });
      then();
    } catch (error) {
      setTold({ text: word('places.failed', { detail: error instanceof Error ? error.message : String(error) }), isBad: true });
    } finally {
      setBusy(false);
    }
  }
  const { place } = detail;
  const renew = (/** @type {string[] | undefined} */ chosen) => run(() => keepInStudies(api, id, chosen), keptWords);
  const remove = (/** @type {string} */ study) => run(() => removeFromStudy(api, id, study), () => word('places.removedHere'));
  return html`<div class="place-open" aria-busy=${isBusy}>
    <ol class="place-studies" aria-label=${word('places.inStudies')}>
      ${linesOf(detail, studies).map((line) => html`<${Line} key=${line.study.studyInstanceUid} line=${line} isBusy=${isBusy} onRenew=${renew} onRemove=${remove} />`)}
    </ol>
    ${place.isOwn && html`<${Rename} key=${place.name} name=${place.name} isBusy=${isBusy}
      onRename=${(/** @type {string} */ name) => run(() => renamePlace(api, id, name), () => word('places.renamed'))} />`}
    <div class="group">
      ${place.isOwn && html`<button type="button" disabled=${isBusy || place.source === null} onClick=${() => renew(isLimited ? studies.map((study) => study.studyInstanceUid) : undefined)}>${word(isLimited ? 'places.keepInShown' : 'places.keepInAll')}</button>`}
      ${place.isOwn
        ? html`<${Delete} name=${place.name} isBusy=${isBusy} onDelete=${() => run(() => deletePlace(api, id), () => word('places.deleted'), onDeleted)} />`
        : html`<p class="quiet">${word('places.notOurs')}</p>`}
    </div>
    <p role="status" class=${told.isBad ? 'problem' : 'quiet'}>${told.text}</p>
  </div>`;
}

/** @param {any} answer of POST /places/{place}/studies */
function keptWords({ kept, notKept }) {
  const left = notKept.filter((/** @type {any} */ one) => one.reason !== 'statedAlready').length;
  return word('places.keptIn', { kept: kept.length, left });
}

/**
 * @param {object} props
 * @param {ReturnType<typeof linesOf>[number]} props.line
 * @param {boolean} props.isBusy
 * @param {(studies: string[]) => void} props.onRenew
 * @param {(study: string) => void} props.onRemove
 */
function Line({ line, isBusy, onRenew, onRemove }) {
  const { study, report, others, match, unresolved } = line;
  const uid = study.studyInstanceUid;
  const date = study.studyDate || word('study.noDate');
  const isStale = Boolean(report?.stale);
  return html`<li data-study=${uid} class=${isStale ? 'stale' : ''}>
    <span class="place-date">${date}</span>
    <span>${isStale
        ? html`<span class="warning" title=${report.stale.detail}><span aria-hidden="true">⚠ </span>${word(`places.stale.${report.stale.reason}`)}</span>`
        : saying(report, match, unresolved)}
      ${others.map((/** @type {any} */ one) => html` <span key=${one.id} class="quiet">${word('places.alsoBy', { who: one.createdBy, software: one.manufacturer })}</span>`)}
    </span>
    ${report?.saidBy === 'plugin' && html`<span class="group">
      ${isStale && html`<button type="button" disabled=${isBusy} aria-label=${word('places.renewIn', { date })} onClick=${() => onRenew([uid])}>${word('places.renew')}</button>`}
      <button type="button" disabled=${isBusy} aria-label=${word('places.removeIn', { date })} onClick=${() => onRemove(uid)}>${word('places.remove')}</button></span>`}
  </li>`;
}

/** @param {any} report @param {any} match @param {any} unresolved @returns {string} */
function saying(report, match, unresolved) {
  if (report?.saidBy === 'person') {
    return word('places.stated', { who: report.createdBy });
  }
  if (report !== null) {
    return report.uncertaintyMm === null ? word('places.mappedNotMeasured') : word('places.mapped', { mm: report.uncertaintyMm.toFixed(1) });
  }
  if (match !== null) {
    return match.uncertaintyMm === null ? word('places.foundNotMeasured') : word('places.found', { mm: match.uncertaintyMm.toFixed(1) });
  }
  const key = `unresolved.${unresolved?.reason}`;
  return hasWord(key) ? word(key) : word('places.notFound');
}

/** @param {{name: string, isBusy: boolean, onRename: (name: string) => void}} props */
function Rename({ name, isBusy, onRename }) {
  const [text, setText] = useState(name);
  /** @param {Event} event */
  function send(event) {
    event.preventDefault();
    onRename(text);
  }
  return html`<form class="group place-form" onSubmit=${send}>
    <label><span class="quiet">${word('places.name')}</span> <input type="text" required maxlength="64" value=${text}
      onInput=${(/** @type {any} */ event) => setText(event.target.value)} /></label>
    <button disabled=${isBusy || text.trim() === '' || text.trim() === name}>${word('places.rename')}</button>
  </form>`;
}

/** @param {{name: string, isBusy: boolean, onDelete: () => void}} props */
function Delete({ name, isBusy, onDelete }) {
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  return html`<button type="button" disabled=${isBusy} onClick=${() => dialog.current?.showModal()}>${word('places.delete')}</button>
    <dialog ref=${dialog} class="help" aria-label=${word('places.delete')}>
      <p>${word('places.deleteAsk', { name })}</p>
      <div class="group"><button type="button" onClick=${() => dialog.current?.close()}>${word('places.cancel')}</button>
        <button type="button" class="danger" onClick=${() => { dialog.current?.close(); onDelete(); }}>${word('places.deleteYes')}</button></div>
    </dialog>`;
}
