// @ts-check
/** Making a link to the patient who is shown, and revoking those that count. */

import { inPath } from '../../shared/api.js';
import { html, useEffect, useRef, useState } from '../../shared/html.js';
import { word } from '../../shared/words.js';
import { momentOf } from './banner.js';

const CHOICES = [1, 7, 30, 90, 365];
const DAY_MS = 86_400_000;
const MARGIN_MS = 60_000; // clocks differ, and so many days is the most that may be asked for

/** @typedef {{id: string, by: string, until: string, deIdentified: boolean, opened: string | null}} Share */

/** @param {{api: import('../../shared/api.js').Api, patientId: string, days: number, onClose: () => void}} props */
export function ShareDialog({ api, patientId, days, onClose }) {
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const [shares, setShares] = useState(/** @type {Share[]} */ ([]));
  const [link, setLink] = useState('');
  const [said, say] = useState('');
  const query = `?${new URLSearchParams({ patientId })}`;
  const load = () => api.ask(`/shares${query}`).then((answer) => setShares(answer.shares));
  const tried = (/** @type {Promise<unknown>} */ work) => work.catch((error) => say(word('share.failed', { detail: error.message })));
  useEffect(() => {
    dialog.current?.showModal();
    tried(load());
  }, []);

  /** @param {number} chosen @param {boolean} deIdentified */
  const make = (chosen, deIdentified) => tried((async () => {
    const until = new Date(Date.now() + chosen * DAY_MS - MARGIN_MS).toISOString();
    const made = await api.ask('/shares', { body: { patientId, until, deIdentified } });
    setLink(`${location.origin}${api.href(made.link)}`);
    say('');
    await load();
  })());
  /** @param {string} id */
  const revoke = (id) => tried((async () => {
    await api.ask(`/shares/${inPath(id)}`, { method: 'DELETE' });
    setLink('');
    say(word('share.revoked'));
    await load();
  })());

  return html`<dialog ref=${dialog} class="share" aria-labelledby="share-title" onClose=${onClose}>
    <div class="dialog-head"><h2 id="share-title">${word('share.title')}</h2>
      <button type="button" onClick=${() => dialog.current?.close()}>${word('share.close')}</button></div>
    <p class="quiet">${word('share.explain')}</p>
    <${Form} days=${days} make=${make} />
    ${link && html`<${Made} link=${link} say=${say} />`}
    <p role="status">${said}</p>
    <h3>${word('share.list')}</h3>
    ${shares.length === 0 ? html`<p class="quiet">${word('share.none')}</p>` : html`<ul class="share-list">
      ${shares.map((one) => html`<${Line} key=${one.id} share=${one} revoke=${revoke} />`)}
    </ul>`}
  </dialog>`;
}

/** @param {{days: number, make: (days: number, deIdentified: boolean) => Promise<unknown>}} props */
function Form({ days, make }) {
  const choices = [...CHOICES.filter((choice) => choice < days), days];
  const [chosen, choose] = useState(choices.findLast((choice) => choice <= 7) ?? days);
  const [isMasked, setMasked] = useState(true);
  const [isBusy, setBusy] = useState(false);
  return html`<form class="share-form" onSubmit=${(/** @type {Event} */ event) => {
    event.preventDefault();
    setBusy(true);
    make(chosen, isMasked).finally(() => setBusy(false));
  }}>
    <label>${word('share.days')} <select value=${chosen} onChange=${(/** @type {any} */ event) => choose(Number(event.target.value))}>
      ${choices.map((choice) => html`<option key=${choice} value=${choice}>${choice === 1 ? word('share.day') : word('share.someDays', { days: choice })}</option>`)}
    </select></label>
    <label class="share-check"><input type="checkbox" checked=${isMasked} onChange=${(/** @type {any} */ event) => setMasked(event.target.checked)} /> ${word('share.deIdentified')}</label>
    <button type="submit" disabled=${isBusy}>${word('share.make')}</button>
  </form>`;
}

/** @param {{link: string, say: (text: string) => void}} props */
function Made({ link, say }) {
  const field = useRef(/** @type {HTMLInputElement | null} */ (null));
  useEffect(() => field.current?.select(), [link]);
  const copy = () => {
    field.current?.select();
    // a page over plain HTTP has no clipboard
    Promise.resolve(navigator.clipboard?.writeText(link) ?? Promise.reject(new Error())).then(
      () => say(word('share.copied')), () => say(word('share.selected')),
    );
  };
  return html`<div class="share-made"><label>${word('share.link')} <input ref=${field} class="share-link" readonly value=${link} /></label>
    <button type="button" onClick=${copy}>${word('share.copy')}</button></div>`;
}

/** @param {{share: Share, revoke: (id: string) => void}} props */
function Line({ share, revoke }) {
  const until = momentOf(share.until);
  const parts = [
    word('share.line', { until, by: share.by }), share.deIdentified ? word('share.masked') : '',
    share.opened === null ? word('share.unopened') : word('share.opened', { at: momentOf(share.opened) }),
  ];
  return html`<li><span>${parts.filter(Boolean).join(' · ')}</span>
    <button type="button" aria-label=${word('share.revoke.of', { until })} onClick=${() => revoke(share.id)}>${word('share.revoke')}</button></li>`;
}
