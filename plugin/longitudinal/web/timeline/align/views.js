// @ts-check
/** How the cuts of both studies are shown: their sizes on the screen, and how near. */

import { Observable } from '../../shared/observable.js';

export class Views extends Observable {
  constructor() {
    super();
    /** @type {Map<string, {width: number, height: number}>} */
    this.sizes = new Map();
    /** @type {Map<string, {centre: number[], zoom: number, volume: object}>} */
    this.shown = new Map();
  }

  /** @param {string} side @param {string} kind */
  sizeOf(side, kind) {
    return this.sizes.get(side + kind);
  }

  /** @param {string} side @param {string} kind @param {HTMLElement} element */
  resize(side, kind, element) {
    const size = { width: Math.max(1, element.clientWidth), height: Math.max(1, element.clientHeight) };
    const before = this.sizes.get(side + kind);
    if (before?.width !== size.width || before?.height !== size.height) {
      this.sizes.set(side + kind, size);
      this.changed();
    }
  }

  /** @param {string} side @param {import('./volume.js').Volume} volume */
  of(side, volume) {
    const shown = this.shown.get(side);
    return shown?.volume === volume ? shown : { centre: volume.centre, zoom: 1 };
  }

  /** Nearer, to where the cuts meet. @param {import('./model.js').Side} side @param {import('./model.js').AlignModel} model @param {number} factor */
  zoom(side, model, factor) {
    const volume = model.volumes[side];
    if (volume !== null) {
      const zoom = Math.min(12, Math.max(1, this.of(side, volume).zoom * factor));
      this.shown.set(side, { volume, zoom, centre: zoom === 1 ? volume.centre : [...model.cursors[side]] });
      this.changed();
    }
  }
}
