// @ts-check
/** What the extension does while a mode is open. One of it; `end` takes everything back. */

import { Api } from '../../web/shared/api.js';
import { pixelOf } from '../../web/shared/geometry.js';
import { word } from '../../web/shared/words.js';
import { watchTransforms } from '../../web/timeline/point/watch.js';
import { Blink } from './blink.js';
import { Follow } from './follow.js';
import { Grid, NotShown, chosenOf, layoutFor } from './grid.js';
import { Images, frameNumberOf, isStack } from './images.js';
import { Marks } from './marks.js';
import { Measurements } from './measurements.js';
import { Misfits } from './misfits.js';
import { tellMissingReferences } from './missing_reference.js';
import { Mover } from './mover.js';
import { librariesOf, missingOf } from './needs.js';
import { Places } from './places.js';
import { Question } from './question.js';
import { addClicks, addMenu, addTool } from './ways_to_ask.js';

/** A place that leads here is drawn at once, before the answer. @param {any} match @returns {import('./marks.js').Mark} */
const markOf = (match) => ({
  point: [match.x, match.y, match.z], study: match.studyInstanceUid, series: match.seriesInstanceUid,
  frame: match.frameOfReferenceUid, grade: match.isSource ? 'asked' : match.grade, uncertaintyMm: match.uncertaintyMm,
  isSource: match.isSource,
});

export class Session {
  /**
   * @param {{servicesManager: any, commandsManager: any, extensionManager: any}} managers
   * @param {any} surroundings what app-config.js has left: prefix, root ...
   * @param {string} panelId
   */
  constructor(managers, surroundings, panelId) {
    this.managers = managers;
    this.services = managers.servicesManager?.services ?? {};
    this.surroundings = surroundings;
    this.panelId = panelId;
    /** The last press of a button of the mouse. */
    this.pressed = { x: 0, y: 0, isDrag: false };
    /** @type {string[]} what the panel says whatever was asked */
    this.notices = [];
    this.ending = new AbortController();
    this.life = this.ending.signal;
    this.missing = missingOf(managers);
    this.api = new Api(surroundings);
    this.question = new Question(this.api, this.life);
    this.question.onAnswer = () => this.takeAnswer();
    this.libraries = librariesOf(managers.extensionManager);
    this.images = new Images(this.libraries?.cornerstone.metaData ?? { get: () => undefined });
    this.marks = new Marks(this.images);
    this.mover = new Mover();
    this.grid = new Grid(managers, this.images, this.mover, this.life);
    this.follow = new Follow(this);
    this.blink = new Blink(this);
    this.places = new Places(this);
    this.measurements = new Measurements(this);
    this.misfits = new Misfits(this);
    /** @type {Map<string, Promise<string>>} PatientID by study, as the server has it */
    this.patients = new Map();
  }

  get works() {
    return this.missing.needed.length === 0;
  }

  /** Take part in what happens in the viewer. */
  begin() {
    if (!this.works) {
      console.warn(`longitudinal: missing in this OHIF: ${this.missing.needed.join(', ')}`);
      return;
    }
    const { Events } = this.libraries?.cornerstone.Enums ?? {};
    // events of an element do not bubble, but they are seen on their way down
    this.on(Events.IMAGE_RENDERED, (viewport) => {
      this.marks.draw(viewport);
      this.misfits.look();
    });
    const { viewportGridService } = this.services;
    const active = viewportGridService.subscribe?.(viewportGridService.EVENTS?.ACTIVE_VIEWPORT_ID_CHANGED, () => this.misfits.look());
    this.life.addEventListener('abort', () => active?.unsubscribe?.());
    this.follow.begin();
    for (const add of [addClicks, addMenu, addTool]) {
      try {
        add(this);
      } catch (error) {
        this.missing.optional.push(`${add.name}: ${error instanceof Error ? error.message : error}`);
      }
    }
    watchTransforms(this.watched(), this.life);
    tellMissingReferences(this, this.surroundings);
    this.question.changed();
  }

  /** The studies of the panel, as what watches the timeline's tiles takes them. @returns {import('../../web/timeline/point/watch.js').Watched} */
  watched() {
    const { question, api, marks } = this;
    const tileOf = (/** @type {import('./question.js').Row} */ row) => ({
      match: row.match, isVisible: row.match !== null, isWithdrawn: row.isWithdrawn,
      withdraw: () => {
        question.withdraw(row);
        marks.marks = marks.marks.filter(({ study }) => study !== row.study);
        this.follow.maps.forget();
        this.blink.stop();
        this.redraw();
      },
    });
    return {
      api, compare: null, get tiles() { return question.rows.map(tileOf); },
      say: (/** @type {any} */ { key, values }) => this.notify(word(key, values)),
    };
  }

  end() {
    this.ending.abort(new DOMException('the mode is left', 'AbortError'));
    this.marks.clear();
  }

  /** @param {string} name of an event of cornerstone @param {(viewport: any, detail: any) => void} act */
  on(name, act) {
    document.addEventListener(name, (event) => {
      const detail = /** @type {CustomEvent} */ (event).detail ?? {};
      const viewport = detail.viewportId && this.grid.viewport(detail.viewportId);
      if (viewport) {
        act(viewport, detail);
      }
    }, { capture: true, signal: this.life });
  }

  /** @param {HTMLElement} place */
  async showPanel(place) {
    const { renderPanel } = await import('./panel.js');
    renderPanel(place, this);
  }

  /** A click, whichever way it came: command of OHIF. @param {{event?: any}} options */
  async askByEvent({ event }) {
    const { viewportId, currentPoints } = event?.detail ?? {};
    const viewport = this.works && this.grid.viewport(viewportId ?? this.grid.active());
    if (viewport && currentPoints?.world) {
      await this.ask(viewport, [...currentPoints.world]);
    }
  }

  /** @param {any} viewport @param {number[]} world LPS mm */
  async ask(viewport, world) {
    const { study, series, frame } = this.images.shown(viewport);
    if (frame === null) {
      this.question.fail(new NotShown('ohif.noPlaceHere'));
      return;
    }
    this.marks.marks = [{ point: world, study, series, frame, grade: 'asked', uncertaintyMm: null, isSource: true }];
    this.redraw();
    this.services.panelService?.activatePanel?.(this.panelId, true);
    try {
      const body = await this.bodyOf(viewport, world, study, frame);
      await this.question.ask({ body, study, frame, point: world, viewportId: viewport.id });
    } catch (error) {
      this.question.fail(error);
    }
  }

  /** The answer's places in what is on the screen already. */
  takeAnswer() {
    const { matches } = this.question.answer;
    this.follow.maps.forget();
    this.marks.notes.clear();
    this.marks.marks = matches.map(markOf);
    for (const { id, viewport } of this.grid.all()) {
      if (id !== this.question.asked?.viewportId) {
        this.attempt(() => this.toMatch(viewport));
      }
    }
    this.redraw();
  }

  /** An answer that was not asked by a click: in the viewports, and its own study opened where it is in none. */
  async goToAnswer() {
    const source = this.question.answer.matches.find((/** @type {any} */ match) => match.isSource);
    if (source && !this.grid.all().some(({ viewport }) => this.matchIn(viewport) === source)) {
      const displaySet = await this.grid.load(source);
      await this.grid.show(this.grid.active(), source, displaySet);
      this.redraw();
    }
  }

  /** To the slice of the place, where a viewport shows a series that has it. @param {any} viewport */
  async toMatch(viewport) {
    const match = this.matchIn(viewport);
    if (match !== null) {
      await this.mover.goTo(viewport, [match.x, match.y, match.z], this.images.indexOf(viewport, match.sopInstanceUid, match.frameNumber));
    }
  }

  /** Resolves when there is an image, so that nothing is asked for before it. */
  async firstImage() {
    await this.grid.until(() => this.grid.all().some(({ viewport }) => viewport.getCurrentImageId?.()), 'ohif.notShown');
  }

  /** The match in the very series that a viewport shows. @param {any} viewport @returns {any} */
  matchIn(viewport) {
    const { series } = this.images.shown(viewport);
    const match = this.question.rows.find((row) => !row.isWithdrawn && row.match?.seriesInstanceUid === series)?.match;
    return match && this.images.indexOf(viewport, match.sopInstanceUid, match.frameNumber) >= 0 ? match : null;
  }

  /**
   * The pixel where an image is shown as it is: the series and the plane that were clicked then lead the choice. Else the
   * point of the cut.
   *
   * @param {any} viewport
   * @param {number[]} world
   * @param {string} study
   * @param {string} frame
   */
  async bodyOf(viewport, world, study, frame) {
    const imageId = viewport.getCurrentImageId?.();
    const plane = isStack(viewport) ? this.images.plane(imageId) : null;
    if (plane !== null) {
      const { row, column } = pixelOf(plane, world);
      return { sopInstanceUid: this.images.instance(imageId).SOPInstanceUID, frameNumber: frameNumberOf(imageId), row, column };
    }
    const [x, y, z] = world;
    return { patientId: await this.patientOf(study), frameOfReferenceUid: frame, x, y, z };
  }

  /** @param {string} study StudyInstanceUID */
  patientOf(study) {
    let patient = this.patients.get(study);
    if (patient === undefined) {
      patient = this.api.study(study, { signal: this.life }).then(({ patientId }) => patientId);
      this.patients.set(study, patient);
      patient.catch(() => this.patients.delete(study));
    }
    return patient;
  }

  redraw() {
    for (const { viewport } of this.grid.all()) {
      this.marks.draw(viewport);
    }
  }

  /** Open the study of a match beside the one that was asked in. @param {any} match */
  async open(match) {
    const { asked } = this.question;
    const displaySet = await this.grid.load(match);
    const [first, ...others] = this.grid.ids();
    if (others.length === 0 && !match.isSource) {
      await this.grid.layOut([1, 2], [{ displaySet: null, from: first }, { displaySet, from: null }]);
    }
    const pane = match.isSource && asked && this.grid.ids().includes(asked.viewportId) ? asked.viewportId
      : this.grid.paneFor(displaySet.displaySetInstanceUID, asked?.viewportId ?? null) ?? first;
    await this.grid.show(pane, match, displaySet);
    this.services.viewportGridService.setActiveViewportId(pane);
    this.redraw();
  }

  /** Lay out up to six studies in time order. */
  async showAll() {
    const { asked, rows } = this.question;
    const found = rows.filter(({ match, isWithdrawn }) => match !== null && !isWithdrawn).map(({ match }) => match);
    const chosen = chosenOf(found, found.findIndex(({ isSource }) => isSource));
    const displaySets = [];
    for (const match of chosen) {
      displaySets.push(await this.grid.load(match)); // one after the other: each is a study's worth of requests
    }
    const wanted = displaySets.map((displaySet, at) => ({ displaySet, from: this.grid.shownIn(displaySet, chosen[at].isSource ? asked?.viewportId : undefined) }));
    await this.grid.layOut(layoutFor(chosen.length), wanted);
    const panes = this.grid.ids();
    const source = chosen.findIndex(({ isSource }) => isSource);
    if (asked && source >= 0) {
      asked.viewportId = panes[source]; // the study that was asked in moves to its place in time
    }
    await Promise.all(displaySets.map((displaySet, at) => this.grid.show(panes[at], chosen[at], displaySet)));
    this.redraw();
  }

  /** Run something whose failure the panel tells. @param {() => Promise<void>} act */
  async attempt(act) {
    try {
      await act();
    } catch (error) {
      this.question.fail(error);
    }
  }

  /** @param {string} message */
  notify(message) {
    this.services.uiNotificationService?.show?.({ title: word('ohif.title'), message, type: 'warning', duration: 15_000 });
  }
}
