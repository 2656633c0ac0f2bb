// @ts-check
/** Lesions by study: sizes, changes, sums, and the class that follows from them. */

import { html } from '../../shared/html.js';
import { word } from '../../shared/words.js';
import { titleOf } from '../point/tile.js';
import { faultsOf, nadirOf, percent } from './arithmetic.js';
import { sizeWords } from './kept.js';
import { lengthOf, offRightAngle } from './model.js';

const SKEWED = 10; // degrees

/** @param {{model: import('./model.js').LesionsModel}} props */
export function LesionTable({ model }) {
  const { studies, rows, sums, baselineIndex } = model;
  const names = new Map(rows.map(({ id, name }) => [id, name]));
  return html`<div class="lesion-table" tabindex="0" role="region" aria-label=${word('lesions.table')}><table>
      <caption>${word('lesions.caption')}</caption>
      <thead><tr><th scope="col">${word('lesions.lesion')}</th>
        ${studies.map((tile, at) => html`<th scope="col" key=${tile.uid} class=${at === baselineIndex ? 'baseline' : ''}>${titleOf(tile)}
          ${at === baselineIndex && html`<br /><span class="quiet">${word('lesions.baseline')}</span>`}</th>`)}</tr></thead>
      <tbody>
        ${rows.map((row, number) => html`<tr key=${row.id}><th scope="row">${row.name}${row.isNode ? ` (${word('lesions.node')})` : ''}</th>
          ${studies.map((tile, at) => html`<td key=${tile.uid}><${Cell} model=${model} row=${row} lesion=${model.lesions[number]} tile=${tile} at=${at} /></td>`)}</tr>`)}
        ${rows.length > 0 && html`<tr class="sum"><th scope="row">${word('lesions.sum')}</th>
          ${sums.map((sum, at) => html`<td key=${studies[at].uid}>${sum.sum === null ? '' : html`<strong>${sum.sum.toFixed(1)} mm</strong>`}
            <br />${changes(sum.fromBaseline, sum.fromNadir)}</td>`)}</tr>
        <tr class="sum"><th scope="row">${word('lesions.class')}</th>
          ${sums.map((sum, at) => html`<td key=${studies[at].uid}>${sum.sizeClass !== null && html`<strong class="size-class">${sum.sizeClass}</strong> ${word(`lesions.class.${sum.sizeClass}`)}`}
            ${sum.sizeClass !== null && sum.missing.length > 0 && html`<br /><span class="warning">${word('lesions.missing', { names: sum.missing.map((id) => names.get(id) ?? id).join(', ') })}</span>`}</td>`)}</tr>`}
      </tbody>
    </table></div>
    <p class="quiet">${word('lesions.arithmetic')}</p>
    <ul class="faults">${faultsOf(rows, baselineIndex).map(({ lesion, code }) => html`<li key=${lesion + code} class="warning">${word(`lesions.fault.${code}`, { name: names.get(lesion) ?? lesion })}</li>`)}</ul>`;
}

/** @param {any} props */
function Cell({ model, row, lesion, tile, at }) {
  const measured = lesion.studies.get(tile.uid);
  const others = (lesion.others.get(tile.uid) ?? []).map((/** @type {any} */ one, /** @type {number} */ number) => html`<br key=${number} /><span class="quiet">${word('lesions.other', { name: one.by, size: sizeWords(one) })}</span>`);
  if (measured === undefined) {
    return html`<span class="quiet">${word('lesions.notMeasured')}</span>${others}`;
  }
  const size = row.sizes[at];
  const { baselineIndex } = model;
  const skew = offRightAngle(measured);
  const lines = [measured.long, measured.short].map((line) => (line === null ? '–' : lengthOf(line).toFixed(1))).join(' × ');
  return html`<strong>${measured.isGone ? word('lesions.gone') : `${lines} mm`}</strong>
    ${at > baselineIndex && html`<br />${changes(percent(size, row.sizes[baselineIndex]), percent(size, nadirOf(row, baselineIndex, at)))}`}
    ${row.isNode && size === null && html`<br /><span class="warning">${word('lesions.needsShort')}</span>`}
    ${skew !== null && skew > SKEWED && html`<br /><span class="warning">${word('lesions.skewed', { degrees: skew.toFixed(0) })}</span>`}
    <br /><span class="quiet">${measured.isKept ? word('lesions.by', { name: measured.by }) : word('lesions.unkept')}</span>${others}`;
}

/** @param {number | null} fromBaseline @param {number | null} fromNadir per cent */
function changes(fromBaseline, fromNadir) {
  return [['lesions.fromBaseline', fromBaseline], ['lesions.fromNadir', fromNadir]]
    .filter(([, value]) => value !== null)
    .map(([key, value]) => word(String(key), { percent: signed(Number(value)) })).join(', ');
}

/** @param {number} value */
function signed(value) {
  const text = Math.abs(value).toFixed(1);
  return value < 0 ? `−${text}` : `+${text}`;
}

/** As a table of text (RFC 4180). @param {import('./model.js').LesionsModel} model @returns {string} */
export function csvOf(model) {
  const { studies, rows, sums, baselineIndex } = model;
  const lines = [['lesion', 'organ', 'node', 'studyDate', 'studyInstanceUid', 'longMm', 'shortMm', 'sizeMm', 'fromBaselinePercent', 'fromNadirPercent', 'arithmeticClass']];
  rows.forEach((row, number) => studies.forEach((tile, at) => {
    const measured = model.lesions[number].studies.get(tile.uid);
    const mm = (/** @type {any} */ line) => (line ? lengthOf(line).toFixed(2) : '');
    const later = at > baselineIndex;
    lines.push([row.name, row.organ, row.isNode ? 'true' : 'false', tile.study.studyDate, tile.uid, mm(measured?.long), mm(measured?.short), figure(row.sizes[at]),
      figure(later ? percent(row.sizes[at], row.sizes[baselineIndex]) : null), figure(later ? percent(row.sizes[at], nadirOf(row, baselineIndex, at)) : null), '']);
  }));
  sums.forEach((sum, at) => lines.push(['sum', '', '', studies[at].study.studyDate, studies[at].uid, '', '', figure(sum.sum), figure(sum.fromBaseline),
    figure(sum.fromNadir), sum.sizeClass ?? '']));
  return `${lines.map((line) => line.map(quoted).join(',')).join('\r\n')}\r\n`;
}

/** @param {number | null} value */
function figure(value) {
  return value === null ? '' : value.toFixed(2);
}

/** A spreadsheet would run what looks like a formula; a figure may have a sign. @param {string} text */
function quoted(text) {
  const isFigure = /^-?\d+(\.\d+)?$/.test(text);
  const safe = !isFigure && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
