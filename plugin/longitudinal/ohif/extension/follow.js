// @ts-check
/**
 * Viewports that go along with the one that the user moves, across frames of reference. Our own: OHIF's synchroniser takes the
 * slice whose origin is nearest, which is wrong for tilted heads, and does nothing between frames.
 */

import { dot } from '../../web/shared/geometry.js';
import { Observable } from '../../web/shared/observable.js';
import { hasWord, word } from '../../web/shared/words.js';
import { FrameMaps } from './frame_maps.js';
import { cutOf, idsOf, isStack, offCut } from './images.js';
import { pixelsPerMm } from './marks.js';

/** @typedef {'scroll' | 'zoom' | 'pan' | 'window'} Action */

/** @type {readonly Action[]} */
export const ACTIONS = ['scroll', 'zoom', 'pan', 'window'];

export class Follow extends Observable {
  /** @param {import('./session.js').Session} session */
  constructor(session) {
    super();
    this.session = session;
    this.maps = new FrameMaps(session.api, session.life);
    /** @type {Set<Action>} */
    this.linked = new Set();
    this.isApplying = false;
    this.number = 0;
  }

  begin() {
    const { Events } = /** @type {any} */ (this.session.libraries).cornerstone.Enums;
    const moved = (/** @type {any} */ viewport) => this.lead(viewport);
    this.session.on(Events.STACK_NEW_IMAGE, moved);
    this.session.on(Events.VOLUME_NEW_IMAGE, moved);
    this.session.on(Events.CAMERA_MODIFIED, (viewport) => this.leadView(viewport));
    this.session.on(Events.VOI_MODIFIED, (viewport, { range }) => this.leadWindow(viewport, range));
  }

  /** @param {Action} action */
  toggle(action) {
    if (!this.linked.delete(action)) {
      this.linked.add(action);
    }
    this.session.marks.notes.clear();
    this.session.redraw();
    this.changed();
    const active = this.session.grid.viewport(this.session.grid.active());
    if (active !== null && this.linked.has(action) && action !== 'window') {
      this.spread(active);
    }
  }

  /** A viewport shows another slice. @param {any} viewport */
  lead(viewport) {
    if (this.linked.has('scroll') && !this.session.mover.isOurs(viewport)) {
      this.spread(viewport);
    }
  }

  /** A viewport was zoomed or moved. @param {any} viewport */
  leadView(viewport) {
    const isLinked = this.linked.has('zoom') || this.linked.has('pan');
    if (isLinked && !this.isApplying && viewport.id === this.session.grid.active()) {
      this.spread(viewport);
    }
  }

  /** @param {any} viewport @param {{lower: number, upper: number}} range */
  leadWindow(viewport, range) {
    if (!this.linked.has('window') || this.isApplying || viewport.id !== this.session.grid.active()) {
      return;
    }
    const modality = this.modality(viewport);
    for (const { viewport: other } of this.others(viewport)) {
      if (this.modality(other) === modality) {
        this.apply(() => other.setProperties({ voiRange: { ...range } }));
        other.render();
      }
    }
  }

  /** Have the others show what a viewport shows; of several calls the last one counts. @param {any} viewport */
  async spread(viewport) {
    this.number += 1;
    const { number } = this;
    const { frame, study } = this.session.images.shown(viewport);
    if (frame === null) {
      return;
    }
    const point = this.pointOn(viewport);
    try {
      const patient = await this.session.patientOf(study);
      await Promise.all(this.others(viewport).map(async ({ id, viewport: other }) => {
        const target = this.session.images.shown(other).frame;
        const mapped = target === null ? { reason: 'notIndexable' } : await this.maps.map(frame, target, patient, point);
        if (number === this.number && !this.session.life.aborted) {
          await this.move(id, viewport, other, mapped);
        }
      }));
    } catch (error) {
      this.session.question.fail(error);
    }
  }

  /** @param {string} id @param {any} source @param {any} target @param {import('./frame_maps.js').Mapped} mapped */
  async move(id, source, target, mapped) {
    const { images, marks, mover } = this.session;
    const nearest = 'point' in mapped ? images.nearest(target, mapped.point) : null;
    const why = 'reason' in mapped ? mapped.reason : nearest?.isWithin ? null : 'outsideCoverage';
    if (why !== null) {
      marks.notes.set(id, word('ohif.notLinked', { why: hasWord(`unresolved.${why}`) ? word(`unresolved.${why}`) : why }));
      marks.draw(target);
      return;
    }
    marks.notes.delete(id);
    const point = /** @type {{point: number[]}} */ (mapped).point;
    if (this.linked.has('zoom') || this.linked.has('pan')) {
      this.apply(() => this.view(source, target, point));
    }
    if (this.linked.has('scroll')) {
      await mover.goTo(target, point, /** @type {any} */ (nearest).index);
    } else {
      target.render();
    }
  }

  /** The same scale, and the point at the same place of the picture. @param {any} source @param {any} target @param {readonly number[]} point */
  view(source, target, point) {
    const scale = pixelsPerMm(source, cutOf(source).point);
    if (this.linked.has('zoom')) {
      const { parallelScale } = target.getCamera();
      target.setCamera({ parallelScale: parallelScale * (pixelsPerMm(target, point) / scale) });
    }
    if (this.linked.has('pan')) {
      const [x, y] = source.worldToCanvas(this.pointOn(source));
      const middle = [source.element.clientWidth / 2, source.element.clientHeight / 2];
      const [width, height] = [target.element.clientWidth / 2, target.element.clientHeight / 2];
      const there = target.canvasToWorld([width + x - middle[0], height + y - middle[1]]);
      const { focalPoint, position, viewPlaneNormal: normal } = target.getCamera();
      const step = point.map((value, axis) => value - there[axis]);
      const off = dot(step, normal);
      const moved = (/** @type {number[]} */ from) => from.map((value, axis) => value + step[axis] - off * normal[axis]);
      target.setCamera({ focalPoint: moved([...focalPoint]), position: moved([...position]) });
    }
  }

  /** What a viewport carries along: the place where it is in view, else the middle; on the slice that is shown. @param {any} viewport */
  pointOn(viewport) {
    const { images, marks } = this.session;
    const plane = isStack(viewport) ? images.plane(viewport.getCurrentImageId()) : null;
    const mark = marks.of(viewport);
    const { focalPoint, viewPlaneNormal: normal } = viewport.getCamera();
    const from = mark !== undefined && isInView(viewport, mark.point) ? mark.point : [...focalPoint];
    const off = plane === null ? offCut(viewport, from) : dot(from.map((value, axis) => value - plane.position[axis]), normal);
    return from.map((value, axis) => value - off * normal[axis]);
  }

  /** @param {any} viewport */
  others(viewport) {
    return this.session.grid.all().filter(({ viewport: other }) => other !== viewport);
  }

  /** @param {any} viewport */
  modality(viewport) {
    return this.session.images.instance(idsOf(viewport)[0]).Modality;
  }

  /** Changes of ours, whose events lead nobody. @param {() => void} act */
  apply(act) {
    this.isApplying = true;
    try {
      act();
    } finally {
      this.isApplying = false;
    }
  }
}

/** @param {any} viewport @param {readonly number[]} point */
function isInView(viewport, point) {
  const [x, y] = viewport.worldToCanvas(point);
  const { clientWidth, clientHeight } = viewport.element;
  return x >= 0 && y >= 0 && x <= clientWidth && y <= clientHeight;
}
