// @ts-check
/** Which structure sets, segmentations and doses do not fit the series that is displayed, and why: said before they are loaded. */

import { inPath } from '../../web/shared/api.js';
import { Observable } from '../../web/shared/observable.js';
import { word } from '../../web/shared/words.js';
import { detailOf } from '../../web/timeline/point/messages.js';

const MODALITIES = Object.freeze(['RTSTRUCT', 'SEG', 'RTDOSE']);
/** Where an object says which images, or which frame, it belongs to; what a contour names is missing in many sets that are right. */
const ON_IMAGES = Object.freeze(['drawnOnSeries', 'drawnOnImage', 'source']);
const IN_FRAME = Object.freeze(['inFrame', 'roiInFrame']);
const PAGE = 1000; // links of a request
const MOST_PAGES = 5;

/**
 * @typedef {object} Misfit
 * @property {string} id
 * @property {string} modality
 * @property {string} name
 * @property {string[]} reasons in words
 *
 * @typedef {{nodes: any[], edges: any[], groups: any[], problems: any[], total: number}} Relations of GET .../relations
 */

/**
 * @param {Relations} relations
 * @param {{series: string, frame: string | null}} shown
 * @param {ReadonlySet<string>} studies that the viewer has: others cannot be loaded beside what is shown
 * @returns {Misfit[]}
 */
export function misfitsOf({ nodes, edges, groups, problems }, shown, studies) {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const texts = new Map(problems.map(({ edge, text }) => [edge, text]));
  const frames = framesBySeries(groups);
  const here = frames.get(shown.series) ?? new Set(shown.frame === null ? [] : [shown.frame]);
  /** @type {Map<string, any[]>} */
  const out = new Map();
  for (const edge of edges.filter(({ inferred }) => !inferred)) {
    out.set(edge.from, [...out.get(edge.from) ?? [], edge]);
  }
  const objects = nodes.filter((node) => node.kind === 'instance' && node.present && MODALITIES.includes(node.modality) && studies.has(node.studyInstanceUid));
  return objects.map((node) => {
    const own = out.get(node.id) ?? [];
    const broken = own.filter(({ role, status }) => (ON_IMAGES.includes(role) || IN_FRAME.includes(role)) && status !== 'ok');
    const reasons = broken.map((edge) => texts.get(edge.id) ?? word(`relation.${edge.status}`));
    const images = new Set(own.filter(({ role, to }) => ON_IMAGES.includes(role) && to.startsWith('series:')).map(({ to }) => to));
    const itsFrames = frames.get(node.seriesInstanceUid) ?? new Set();
    const isElsewhere = itsFrames.size > 0 && here.size > 0 && [...itsFrames].every((frame) => !here.has(frame));
    const others = [...images].map((id) => byId.get(id)).filter((target) => target?.present);
    if (images.size > 0 && !images.has(`series:${shown.series}`) && others.length > 0) {
      const which = others.map(nameOfSeries).join('; ');
      reasons.push(word(isElsewhere ? 'ohif.misfit.otherSeries' : 'ohif.misfit.sameFrame', { series: which }));
    }
    if (isElsewhere) {
      reasons.push(word('ohif.misfit.otherFrame'));
    }
    return { id: node.id, modality: node.modality, name: node.label || word('ohif.noDescription'), reasons: [...new Set(reasons)] };
  }).filter(({ reasons }) => reasons.length > 0);
}

/** @param {any[]} groups @returns {Map<string, Set<string>>} frames by series, as the index has them */
function framesBySeries(groups) {
  const found = new Map();
  for (const { name, seriesInstanceUids } of groups.filter(({ kind, name: frame }) => kind === 'frameOfReference' && frame !== 'unknown')) {
    for (const series of seriesInstanceUids) {
      found.set(series, (found.get(series) ?? new Set()).add(name));
    }
  }
  return found;
}

/** @param {any} node a series */
function nameOfSeries({ modality, label, date, uid }) {
  return [date, modality, label].filter(Boolean).join(' ') || uid;
}

/** The misfits of what the active viewport shows; asked for once a study, worked out anew for each series. */
export class Misfits extends Observable {
  /** @param {import('./session.js').Session} session */
  constructor(session) {
    super();
    this.session = session;
    /** @type {{study: string, series: string, frame: string | null}} */
    this.shown = { study: '', series: '', frame: null };
    /** @type {Relations | null} */
    this.relations = null;
    /** @type {readonly Misfit[]} */
    this.list = [];
    this.message = '';
    /** How many links were looked at, and how many there are. */
    this.counts = { seen: 0, total: 0 };
  }

  /** Another series may be shown, or another viewport be the active one. */
  look() {
    const { grid, images } = this.session;
    const viewport = grid.viewport(grid.active());
    const shown = viewport && images.shown(viewport);
    if (!shown?.series || shown.series === this.shown.series) {
      return;
    }
    const isNew = shown.study !== this.shown.study;
    this.shown = shown;
    if (isNew) {
      this.load();
    } else {
      this.judge();
    }
  }

  async load() {
    const { session, shown: { study } } = this;
    this.relations = null;
    this.judge();
    try {
      const found = await readAll(session.api, await session.patientOf(study), session.life);
      if (this.shown.study === study) {
        this.relations = found;
        this.counts = { seen: found.edges.length, total: found.total };
        this.message = '';
      }
    } catch (error) {
      if (session.life.aborted || this.shown.study !== study) {
        return;
      }
      this.message = word('ohif.misfits.unknown', { detail: detailOf(error) });
    }
    this.judge();
  }

  judge() {
    const sets = this.session.services.displaySetService.getActiveDisplaySets();
    const studies = new Set(sets.map((/** @type {any} */ set) => set.StudyInstanceUID));
    this.list = this.relations === null ? [] : misfitsOf(this.relations, this.shown, studies);
    this.changed();
  }
}

/** @param {import('../../web/shared/api.js').Api} api @param {string} patient @param {AbortSignal} signal @returns {Promise<Relations>} */
async function readAll(api, patient, signal) {
  const address = `/patients/${inPath(patient)}/relations?limit=${PAGE}&offset=`;
  const found = await api.ask(`${address}0`, { signal });
  for (let page = 1; page < MOST_PAGES && page * PAGE < found.total; page += 1) {
    const { nodes, edges } = await api.ask(`${address}${page * PAGE}`, { signal });
    found.nodes.push(...nodes);
    found.edges.push(...edges);
  }
  const known = new Map(found.nodes.map((/** @type {any} */ node) => [node.id, node])); // pages share nodes
  return { ...found, nodes: [...known.values()] };
}
