// @ts-check
/** Lesions below the pictures: draw their diameters, see the table, take it along. */

import { html, useEffect } from '../../shared/html.js';
import { useObservable } from '../../shared/observable.js';
import { saveText } from '../../shared/save.js';
import { word } from '../../shared/words.js';
import { detailOf } from '../point/messages.js';
import { titleOf } from '../point/tile.js';
import { saveKeyImage } from './key_image.js';
import { csvOf, LesionTable } from './table.js';

/** @param {{page: import('../point/page_model.js').PageModel, model: import('./model.js').LesionsModel, onClose: () => void}} props */
export function LesionsPanel({ page, model, onClose }) {
  useObservable(model);
  useEffect(() => {
    model.load();
    return () => model.draw(false);
  }, [model]);
  useEffect(() => warnOfLoss(model), [model]);
  const { selected, message } = model;
  const tile = page.active ?? page.asked;
  return html`<section class="lesions-panel" aria-label=${word('lesions.title')}>
    <div class="panel-head"><h2>${word('lesions.title')}</h2>
      <button aria-pressed=${model.isDrawing} onClick=${() => model.draw(!model.isDrawing)} title=${word('lesions.draw.title')}>${word('lesions.draw')}</button>
      <button onClick=${() => model.add()}>${word('lesions.add')}</button>
      <label class="group">${word('lesions.baseline')} <select value=${model.studies[model.baselineIndex]?.uid} onChange=${(/** @type {any} */ event) => { model.baseline = event.target.value; model.redraw(); }}>
        ${model.studies.map((one) => html`<option key=${one.uid} value=${one.uid}>${one.study.studyDate || word('tile.noDate')}</option>`)}</select></label>
      <button disabled=${!model.hasUnkept || model.isKeeping} onClick=${() => model.keep()} title=${word('lesions.keep.title')}>${word(model.isKeeping ? 'lesions.keeping' : 'lesions.keep')}</button>
      <span class="spacer"></span>
      <button disabled=${model.lesions.length === 0} onClick=${() => saveText(csvOf(model), 'lesions.csv', 'text/csv')}>${word('values.csv')}</button>
      <button disabled=${model.lesions.length === 0} onClick=${() => print()}>${word('lesions.print')}</button>
      <button disabled=${!tile?.shown?.picture.plane} onClick=${() => keep(model, tile)}>${word('lesions.keyImage')}</button>
      <button onClick=${onClose} aria-label=${word('lesions.close')}>×</button></div>
    ${selected !== null && html`<${Selected} model=${model} lesion=${selected} tile=${tile} />`}
    ${message !== null && html`<p class="warning" role="alert">${word(message.key, message.values)}</p>`}
    ${model.lesions.length === 0 ? html`<p class="quiet">${word('lesions.hint')}</p>` : html`<${LesionTable} model=${model} />`}
    <p class="print-only">${word('app.notice')}. ${page.patient?.patientName.replaceAll('^', ' ')} ${page.patient?.patientId}</p>
  </section>`;
}

/** @param {{model: import('./model.js').LesionsModel, lesion: import('./model.js').Lesion, tile: any}} props */
function Selected({ model, lesion, tile }) {
  const change = (/** @type {any} */ what) => model.change(lesion, what);
  return html`<div class="panel-head lesion-edit">
    <label class="group">${word('lesions.lesion')} <select value=${lesion.id} onChange=${(/** @type {any} */ event) => model.select(/** @type {any} */ (model.lesions.find(({ id }) => id === event.target.value)))}>
      ${model.lesions.map(({ id, name }) => html`<option key=${id} value=${id}>${name}</option>`)}</select></label>
    <label class="group">${word('lesions.name')} <input value=${lesion.name} maxlength="64" onInput=${(/** @type {any} */ event) => change({ name: event.target.value })} /></label>
    <label class="group">${word('lesions.organ')} <input value=${lesion.organ} maxlength="64" onInput=${(/** @type {any} */ event) => change({ organ: event.target.value })} /></label>
    <label class="group"><input type="checkbox" checked=${lesion.isNode} onChange=${() => change({ isNode: !lesion.isNode })} /> ${word('lesions.isNode')}</label>
    <div class="group" role="group" aria-label=${word('lesions.next')}><span class="quiet">${word('lesions.next')}</span>
      ${/** @type {const} */ (['long', 'short']).map((axis) => html`<button key=${axis} aria-pressed=${model.axis === axis} onClick=${() => model.setAxis(axis)}>${word(`lesions.axis.${axis}`)}</button>`)}</div>
    ${tile && html`<div class="group"><button disabled=${!tile.shown?.picture.plane} onClick=${() => startAtPlace(model, tile)}>${word('lesions.atPlace')}</button>
      <button onClick=${() => model.setGone(lesion, tile.uid)} aria-label=${word('lesions.setGone.of', { study: titleOf(tile) })}>${word('lesions.setGone')}</button>
      <button disabled=${!lesion.studies.has(tile.uid)} onClick=${() => model.clear(lesion, tile.uid)}>${word('lesions.clear')}</button></div>`}
    ${!lesion.isStored && html`<button onClick=${() => model.remove(lesion)}>${word('lesions.remove')}</button>`}
  </div>`;
}

/** Without a mouse: a line of 10 mm across the place, whose ends the arrow keys move. @param {import('./model.js').LesionsModel} model @param {any} tile */
function startAtPlace(model, tile) {
  const { plane } = tile.shown.picture;
  const { row, column } = tile.crosshair() ?? { row: (tile.shown.frame.rows - 1) / 2, column: (tile.shown.frame.columns - 1) / 2 };
  const along = plane.orientation.slice(model.axis === 'long' ? 0 : 3, model.axis === 'long' ? 3 : 6);
  const middle = [0, 1, 2].map((axis) => plane.position[axis] + column * plane.spacing[1] * plane.orientation[axis] + row * plane.spacing[0] * plane.orientation[3 + axis]);
  model.isDrawing = true;
  model.measure(tile, model.axis, /** @type {any} */ ([-5, 5].map((mm) => middle.map((value, axis) => value + mm * along[axis]))));
}

/** @param {import('./model.js').LesionsModel} model @param {any} tile */
async function keep(model, tile) {
  const canvas = document.querySelector(`.tile[data-study="${CSS.escape(tile.uid)}"] canvas`);
  try {
    await saveKeyImage(tile, /** @type {HTMLCanvasElement} */ (canvas));
  } catch (error) {
    model.message = { key: 'lesions.failed', values: { detail: detailOf(error) } };
    model.redraw();
  }
}

/** Drawings that are not kept would be gone. @param {import('./model.js').LesionsModel} model @returns {() => void} */
function warnOfLoss(model) {
  const ask = (/** @type {BeforeUnloadEvent} */ event) => {
    if (model.hasUnkept) {
      event.preventDefault();
    }
  };
  addEventListener('beforeunload', ask);
  return () => removeEventListener('beforeunload', ask);
}
