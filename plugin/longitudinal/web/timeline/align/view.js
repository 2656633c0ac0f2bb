// @ts-check
/** Align two studies by hand: landmarks in pairs, or a rough start, side by side. */

import { html, useEffect, useState } from '../../shared/html.js';
import { useObservable } from '../../shared/observable.js';
import { word } from '../../shared/words.js';
import { Bar } from '../bar.js';
import { writeAddress } from '../address.js';
import { seriesWithPictures } from '../point/series.js';
import { KINDS } from './cut.js';
import { CutView } from './cut_view.js';
import { AlignModel, SIDES } from './model.js';
import { Outcome } from './outcome.js';
import { Views } from './views.js';

/** @param {import('../app.js').ViewProps} props */
export function View({ address, go, api }) {
  const [model] = useState(() => new AlignModel(api));
  const [views] = useState(() => new Views());
  useObservable(model);
  useObservable(views);
  useEffect(() => {
    model.open({ patient: address.patient ?? '', source: address.source, target: address.target });
    return () => model.leave();
  }, [model]);
  const { patient, message, isSameFrame } = model;
  const back = { patient: patient?.orthancPatientId ?? address.patient, exam: address.exam };
  return html`<${Bar} address=${address} go=${go} patient=${back.patient}>
      <h1 class="patient">${word('align.title')}${patient ? `: ${patient.patientName.replaceAll('^', ' ').trim() || patient.patientId}` : ''}</h1>
      <a class="button" href=${writeAddress({ view: 'point', ...back })}>${word('align.back')}</a>
    </${Bar}>
    <main class="align">
      ${message !== null && html`<p class="warning message" role="alert">${word(message.key, message.values)}</p>`}
      ${isSameFrame && html`<p class="warning message" role="alert">${word('align.sameFrame')}</p>`}
      <div class="sides">${SIDES.map((side) => html`<section class="side" key=${side} aria-label=${word(`align.${side}`)}>
        <${Head} model=${model} side=${side} />
        <div class="cuts">${KINDS.map((kind) => html`<${CutView} key=${kind} model=${model} side=${side} kind=${kind} views=${views} />`)}</div>
      </section>`)}</div>
      <${Outcome} model=${model} exam=${address.exam} />
    </main>`;
}

/** @param {{model: AlignModel, side: import('./model.js').Side}} props */
function Head({ model, side }) {
  const study = model.studies[side];
  const volume = model.volumes[side];
  const studies = model.patient?.studies ?? [];
  const choose = (/** @type {any} */ event) => {
    model.studies = { ...model.studies, [side]: studies.find((/** @type {any} */ one) => one.studyInstanceUid === event.target.value) };
    Object.assign(model, { pairs: [], begun: {}, hasRough: false });
    model.refit();
    model.show(side).catch((error) => model.fail(error, 'align.failed'));
  };
  return html`<header class="tile-head"><h2>${word(`align.${side}`)}</h2>
    <select aria-label=${word('align.study')} value=${study?.studyInstanceUid} onChange=${choose}>
      ${studies.map((/** @type {any} */ one) => html`<option key=${one.studyInstanceUid} value=${one.studyInstanceUid}>${[one.studyDate || word('tile.noDate'), one.studyDescription].filter(Boolean).join(' · ')}</option>`)}</select>
    <select class="series" aria-label=${word('tile.series')} value=${volume?.series.uid} onChange=${(/** @type {any} */ event) => model.show(side, event.target.value).catch((error) => model.fail(error, 'align.failed'))}>
      ${(study ? seriesWithPictures(study) : []).map((/** @type {any} */ one) => html`<option key=${one.seriesInstanceUid} value=${one.seriesInstanceUid}>${[one.seriesNumber, one.modality, one.seriesDescription].filter(Boolean).join(' ')}</option>`)}</select>
    ${volume !== null && volume.loaded < volume.pictures.length && html`<span class="quiet" role="status">${word('align.loading', { percent: Math.floor((100 * volume.loaded) / volume.pictures.length) })}</span>`}
  </header>`;
}
