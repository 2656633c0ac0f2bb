// @ts-check
/** The radiotherapy of a patient on the patient's page: what is broken, in words; plans; structure sets; parts of the treatment. */

import { html, useEffect, useState } from '../../shared/html.js';
import { inPath } from '../../shared/api.js';
import { hasRelations, partGroups, problemGroups, problemsLeft, problemsLine } from '../../shared/relations.js';
import { counted, word } from '../../shared/words.js';
import { Swatch } from './at_place.js';

const MOST_APART = 0.02; // volumes of one region by two programs

/** @param {{api: import('../../shared/api.js').Api, id: string, version: number}} props */
export function RadiotherapyOfPatient({ api, id, version }) {
  const [found, setFound] = useState(/** @type {any} */ (null));
  const [problem, setProblem] = useState('');
  useEffect(() => {
    const controller = new AbortController();
    const { signal } = controller;
    const part = (/** @type {string} */ name) => api.ask(`/patients/${inPath(id)}/${name}`, { signal });
    Promise.all([part('relations?limit=1'), part('structures?volumes=true')]).then(
      ([relations, structures]) => {
        setFound({ of: id, relations, structures });
        setProblem('');
      },
      (error) => signal.aborted || setProblem(error.message),
    );
    return () => controller.abort();
  }, [api, id, version]);
  if (problem) {
    return html`<p class="problem" role="alert">${word('rt.noAnswer', { reason: problem })}</p>`;
  }
  if (found?.of !== id || !hasRelations(found.relations)) {
    return null;
  }
  const { relations, structures: { plans, structureSets } } = found;
  const parts = partGroups(relations.groups);
  return html`<section class="rt-patient" aria-labelledby="rt-patient-title">
    <h2 id="rt-patient-title">${word('rt.patient')}</h2>
    <${Problems} relations=${relations} />
    ${plans.map((/** @type {any} */ plan) => html`<${PlanCard} key=${plan.sopInstanceUid} listed=${plan} />`)}
    ${structureSets.map((/** @type {any} */ set) => html`<${StructureSetCard} key=${set.sopInstanceUid} set=${set} />`)}
    ${parts.length > 0 && html`<h3>${word('rt.parts')}</h3><dl class="rt-parts">${parts.map(({ name, title, series, evidence }) => html`<div key=${name}>
      <dt>${title}</dt><dd>${counted('rt.series', series)} <span class="quiet"> ${evidence.join('; ')}</span></dd></div>`)}</dl>`}
  </section>`;
}

/** What is not as it should be, by kind. @param {{relations: any}} props */
function Problems({ relations }) {
  if (relations.problems.length === 0) {
    return html`<p class="quiet">${word('rt.noProblems')}</p>`;
  }
  const left = problemsLeft(relations);
  return html`<h3>${problemsLine(relations)}</h3>
    ${problemGroups(relations.problems).map(({ status, title, lines, more }) => html`<section key=${status} class="rt-broken" data-status=${status}>
      <h4>${title}</h4>
      <ul class="rt-problems">${lines.map((line) => html`<li key=${line}>${line}</li>`)}</ul>
      ${more > 0 && html`<p class="quiet">${word('rt.moreProblems', { count: more.toLocaleString('en') })}</p>`}
    </section>`)}
    ${left > 0 && html`<p class="quiet">${word('relation.left', { count: left.toLocaleString('en') })}</p>`}`;
}

/** @param {{listed: any}} props */
function PlanCard({ listed: { plan, label, studyDate } }) {
  return html`<details class="rt-card"><summary>${word('rt.plan', { name: label || word('rt.unnamed') })}
      <span class="quiet"> ${[studyDate, plan.intent, plan.approval].filter(Boolean).join(' · ')}</span></summary>
    <ul>
      ${plan.prescriptions.filter((/** @type {any} */ one) => one.targetGy !== null).map((/** @type {any} */ one, /** @type {number} */ number) => html`<li key=${`p${number}`}>${word('rt.prescription', {
        gy: one.targetGy, type: one.type, what: one.description || (one.roiNumber === null ? one.structureType : word('rt.roi', { number: one.roiNumber })) })}</li>`)}
      ${plan.fractionGroups.map((/** @type {any} */ group, /** @type {number} */ number) => html`<li key=${`g${number}`}>${word('rt.fractions', {
        group: group.number ?? number + 1, count: group.fractionsPlanned ?? word('rt.notStated'), beams: group.beams.join(', ') || word('rt.notStated') })}</li>`)}
      ${plan.beams.map((/** @type {any} */ beam, /** @type {number} */ number) => html`<li key=${`b${number}`}>${[word('rt.beam', { number: beam.number ?? '' }), beam.name, beam.radiation, beam.type, beam.machine, beam.delivery].filter(Boolean).join(' · ')}</li>`)}
    </ul></details>`;
}

/** @param {{set: any}} props */
function StructureSetCard({ set: { label, studyDate, approval, rois } }) {
  return html`<details class="rt-card"><summary>${word('rt.structureSet', { name: label || word('rt.unnamed') })}
      <span class="quiet"> ${[studyDate, approval, counted('rt.rois', rois.length)].filter(Boolean).join(' · ')}</span></summary>
    <ul class="rt-lines">${rois.map((/** @type {any} */ roi) => html`<li key=${roi.roiNumber} class="rt-line"><${Swatch} colour=${roi.colour} />
      <span class="rt-name">${roi.name || word('rt.roi', { number: roi.roiNumber })}</span>
      <span class=${`rt-text ${isDisputed(roi) ? 'rt-doubt' : ''}`}>${[roi.interpretedType, volumeOf(roi)].filter(Boolean).join(' · ')}</span>
    </li>`)}</ul></details>`;
}

/** Ours, and the vendor's where it is another: copies of contours are counted by some. @param {any} roi */
function volumeOf(roi) {
  const { volumeCc, vendorVolumeCc } = roi;
  if (volumeCc === null) {
    return vendorVolumeCc === null ? '' : word('rt.vendorVolume', { cc: vendorVolumeCc });
  }
  const ours = word('rt.volume', { cc: volumeCc.toFixed(1) });
  return isDisputed(roi) ? `${ours} (${word('rt.vendorVolume', { cc: vendorVolumeCc })})` : ours;
}

/** @param {any} roi */
function isDisputed({ volumeCc, vendorVolumeCc }) {
  return volumeCc !== null && vendorVolumeCc !== null && Math.abs(volumeCc - vendorVolumeCc) > Math.max(0.1, MOST_APART * vendorVolumeCc);
}
