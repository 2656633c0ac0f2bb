// @ts-check
/** Values over time beside the pictures: a plot and a table for each scale. */

import { html, useEffect, useState } from '../../shared/html.js';
import { saveText } from '../../shared/save.js';
import { useObservable } from '../../shared/observable.js';
import { word } from '../../shared/words.js';
import { GradeShape } from '../point/grade.js';
import { openedShare } from '../share/session.js';
import { ValuesModel } from './model.js';
import { Plot } from './plot.js';
import { shortened, sizeOf } from './scales.js';

/** @param {{page: import('../point/page_model.js').PageModel, onClose: () => void}} props */
export function ValuesPanel({ page, onClose }) {
  const [model] = useState(() => new ValuesModel(page));
  useObservable(model);
  useEffect(() => model.begin(), [model]);
  const { scales, without, message, isBusy } = model;
  const isAsked = page.question !== null;
  return html`<aside class="values-panel" aria-label=${word('values.title')} aria-busy=${isBusy}>
    <div class="panel-head"><h2>${word('values.title')}</h2>
      <label class="group">${word('values.radius')} <input type="number" min="0.5" max="50" step="0.5" value=${model.radius}
        onChange=${(/** @type {any} */ event) => model.setRadius(Number(event.target.value))} /> mm</label>
      ${!openedShare()?.deIdentified && html`<button disabled=${scales.length === 0} onClick=${() => save(model)}>${word('values.csv')}</button>`}
      <button onClick=${onClose} aria-label=${word('values.close')}>×</button></div>
    <p class="quiet" role="status">${statusOf(model, isAsked)}</p>
    ${message !== null && html`<p class="warning" role="alert">${word(message.key, message.values)}</p>`}
    ${scales.map((scale) => html`<${ScaleOf} key=${scale.key} scale=${scale} />`)}
    ${without.length > 0 && html`<section><h3>${word('values.without')}</h3>
      <ul class="values-without">${without.map((match) => html`<li key=${match.seriesInstanceUid}>${titleOf(match)}: ${match.values.detail}</li>`)}</ul></section>`}
  </aside>`;
}

/** @param {ValuesModel} model @param {boolean} isAsked */
function statusOf({ isBusy, matches, page }, isAsked) {
  if (!isAsked) {
    return word('values.hint');
  }
  if (isBusy) {
    return word('values.busy');
  }
  const isRefined = page.tiles.some((tile) => tile.refinement?.state === 'done' && tile.refinement.result.isRefined);
  return word(isRefined ? 'values.unrefined' : matches.length === 0 ? 'values.none' : 'values.how');
}

/** @param {{scale: import('./scales.js').Scale}} props */
function ScaleOf({ scale }) {
  const name = nameOf(scale);
  const summary = word('values.summary', { count: scale.rows.length });
  const suv = scale.rows.find(({ match }) => match.values.suvReason !== null)?.match.values;
  return html`<section class="values-scale">
    <h3>${name}</h3>
    ${scale.quantity === 'raw' && html`<p class="warning">${word('values.raw')}</p>`}
    ${scale.quantity === 'other' && scale.modality === 'CT' && html`<p class="warning">${word('values.otherUnit')}</p>`}
    ${suv && html`<p class="warning">${word('values.noSuv', { detail: suv.suvDetail })}</p>`}
    <${Plot} scale=${scale} name=${name} summary=${summary} />
    <${Table} scale=${scale} name=${name} />
  </section>`;
}

/** @param {{scale: import('./scales.js').Scale, name: string}} props */
function Table({ scale, name }) {
  const size = sizeOf(scale);
  const short = (/** @type {number | null} */ value) => shortened(value, size);
  return html`<div class="values-table" tabindex="0" role="region" aria-label=${name}><table>
    <thead><tr>${['date', 'mean', 'extremes', 'moved', 'error'].map((column) => html`<th scope="col" key=${column}>${word(`values.${column}`)}</th>`)}</tr></thead>
    <tbody>${scale.rows.map(({ match }) => html`<tr key=${match.seriesInstanceUid}>
      <th scope="row">${match.studyDate || word('tile.noDate')}<br /><span class="quiet">${match.seriesDescription}</span></th>
      ${match.values.mean === null
        ? html`<td colspan="3" class="warning">${match.values.detail}</td>`
        : html`<td><strong>${short(match.values.mean)}</strong> ± ${short(match.values.sd)}</td>
          <td>${short(match.values.minimum)} … ${short(match.values.maximum)}<br /><span class="quiet">${word('values.voxels', { count: match.values.voxels })}</span></td>
          <td>${match.values.movedReason === null ? `${short(match.values.leastMean)} … ${short(match.values.greatestMean)}`
            : html`<span class="quiet">${word(`values.moved.${match.values.movedReason}`)}</span>`}</td>`}
      <td><${GradeShape} grade=${match.isSource ? 'asked' : match.grade} /> ${placeWords(match)}</td>
    </tr>`)}</tbody>
  </table></div>`;
}

/** How well the place is known, in few words: the tile has the rest. @param {any} match */
function placeWords({ isSource, uncertaintyMm }) {
  if (isSource) {
    return word('grade.asked');
  }
  return uncertaintyMm === null ? word('values.moved.notMeasured') : word('values.offBy', { mm: uncertaintyMm.toFixed(1) });
}

/** @param {import('./scales.js').Scale} scale */
function nameOf({ modality, quantity, unit }) {
  return word(`values.of.${quantity}`, { modality, unit: unit ?? '' });
}

/** @param {any} match */
function titleOf({ studyDate, modality, seriesDescription }) {
  return [studyDate || word('tile.noDate'), modality, seriesDescription].filter(Boolean).join(' · ');
}

/** @param {ValuesModel} model */
async function save(model) {
  try {
    saveText(await model.csv(), 'values.csv', 'text/csv');
  } catch (error) {
    model.message = { key: 'values.failed', values: { detail: error instanceof Error ? error.message : String(error) } };
    model.changed();
  }
}
