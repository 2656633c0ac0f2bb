// @ts-check
/**
 * The study of the next viewport laid over the current one, place on place and at its scale: held, or in turn with it. The
 * other study is shown in its own cut, as its viewport has it; nothing is blended or resampled through the transform.
 */

import { Observable } from '../../web/shared/observable.js';
import { word } from '../../web/shared/words.js';
import { NotShown } from './grid.js';
import { pixelsPerMm } from './marks.js';

/** 1.25 full turns a second. Faster than three can cause seizures (WCAG 2.3.1). */
export const FLIP_MS = 400;
const CALM = '(prefers-reduced-motion: reduce)';

export class Blink extends Observable {
  /** @param {import('./session.js').Session} session */
  constructor(session) {
    super();
    this.session = session;
    this.isOn = false;
    this.isHeld = false;
    /** @type {ReturnType<typeof setInterval> | undefined} */
    this.timer = undefined;
    /** @type {HTMLCanvasElement | null} */
    this.cover = null;
    session.life.addEventListener('abort', () => this.stop(), { once: true });
    // the wish can come while it blinks, and the switch has to follow it
    globalThis.matchMedia?.(CALM).addEventListener('change', () => (this.isCalm && this.isOn ? this.stop() : this.changed()), { signal: session.life });
  }

  /** Whether the person, or their system, asked for less motion. */
  get isCalm() {
    return globalThis.matchMedia?.(CALM).matches === true;
  }

  /** The active viewport, and the next one that shows the place in another series. */
  pair() {
    const all = this.session.grid.all();
    const at = Math.max(0, all.findIndex(({ id }) => id === this.session.grid.active()));
    const here = all[at]?.viewport;
    const rest = [...all.slice(at + 1), ...all.slice(0, at)].map(({ viewport }) => viewport);
    const series = here && this.session.images.shown(here).series;
    const there = rest.find((viewport) => this.session.marks.of(viewport) && this.session.images.shown(viewport).series !== series);
    return here && there && this.session.marks.of(here) ? { here, there } : null;
  }

  async toggle() {
    if (this.isOn) {
      this.stop();
      return;
    }
    if (this.isCalm || !await this.toPlace()) {
      return;
    }
    this.isOn = true;
    this.timer = setInterval(() => (this.cover === null ? this.show() : this.hide()), FLIP_MS);
    this.show();
    this.changed();
  }

  async hold() {
    this.isHeld = true;
    if (await this.toPlace() && this.isHeld) {
      this.show();
    }
  }

  release() {
    this.isHeld = false;
    if (!this.isOn) {
      this.hide();
    }
  }

  stop() {
    clearInterval(this.timer);
    this.isOn = false;
    this.hide();
    this.changed();
  }

  /** Take both to the slice of the place. @returns {Promise<boolean>} whether there are two */
  async toPlace() {
    const pair = this.pair();
    if (pair === null) {
      this.session.question.fail(new NotShown('ohif.blinkNothing'));
      return false;
    }
    await Promise.all([pair.here, pair.there].map((viewport) => this.session.toMatch(viewport)));
    return true;
  }

  /** Draw the other study over this one. */
  show() {
    const pair = this.pair();
    this.hide();
    if (pair === null) {
      this.stop();
      return;
    }
    const { here, there } = pair;
    const { marks } = this.session;
    const [mine, other] = [/** @type {any} */ (marks.of(here)), /** @type {any} */ (marks.of(there))];
    const picture = there.getCanvas?.() ?? there.canvas;
    const { clientWidth: width, clientHeight: height } = here.element;
    const cover = document.createElement('canvas');
    cover.className = 'longitudinal-blink';
    cover.style.cssText = 'position:absolute;inset:0;width:100%;height:100%;pointer-events:none;z-index:1';
    const dense = window.devicePixelRatio || 1;
    Object.assign(cover, { width: Math.round(width * dense), height: Math.round(height * dense) });
    const scale = pixelsPerMm(here, mine.point) / pixelsPerMm(there, other.point);
    const [x, y] = here.worldToCanvas(mine.point);
    const [fromX, fromY] = there.worldToCanvas(other.point);
    const draw = /** @type {CanvasRenderingContext2D} */ (cover.getContext('2d'));
    draw.scale(dense, dense);
    draw.fillRect(0, 0, width, height);
    draw.drawImage(picture, x - fromX * scale, y - fromY * scale, there.element.clientWidth * scale, there.element.clientHeight * scale);
    draw.font = '14px sans-serif';
    draw.fillStyle = '#ffc04d';
    draw.fillText(word('ohif.blinkShows', { study: this.dateOf(there) }), 8, height / 2);
    here.element.append(cover);
    this.cover = cover;
  }

  hide() {
    this.cover?.remove();
    this.cover = null;
  }

  /** @param {any} viewport */
  dateOf(viewport) {
    const { study } = this.session.images.shown(viewport);
    const row = this.session.question.rows.find((one) => one.study === study);
    return row?.match?.studyDate || word('tile.noDate');
  }
}
