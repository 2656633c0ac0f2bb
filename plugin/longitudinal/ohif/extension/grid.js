// @ts-check
/** OHIF's viewports: which there are, what they show, and how another study gets into one of them. */

import { dot } from '../../web/shared/geometry.js';
import { pause } from '../../web/shared/retry.js';
import { cutOf, idsOf, isStack } from './images.js';

const POLL_MS = 25;
const LOADED_MS = 60_000;
/** OHIF may put a viewport back to where it was last time, a moment after it is there. */
const SETTLING_MS = 150;
const SETTLING_ROUNDS = 5;
const ON_SLICE_MM = 1e-3;
export const MOST_SHOWN = 6;

/** Something of OHIF did not come in time; `what` is a key of shared/words.js. */
export class NotShown extends Error {
  /** @param {string} what */
  constructor(what) {
    super(what);
    this.what = what;
  }
}

/** Rows and columns for so many studies. @param {number} count @returns {[number, number]} */
export function layoutFor(count) {
  return count <= 3 ? [1, Math.max(1, count)] : [2, Math.ceil(count / 2)];
}

/**
 * The studies to lay out: all, or the six around the one that was asked in, in the order given.
 *
 * @template T
 * @param {T[]} all in time order
 * @param {number} source index of the one that was asked in, -1 for none
 * @returns {T[]}
 */
export function chosenOf(all, source) {
  const first = Math.max(0, Math.min(source - Math.floor(MOST_SHOWN / 2), all.length - MOST_SHOWN));
  return all.slice(first, first + MOST_SHOWN);
}

export class Grid {
  /**
   * @param {{servicesManager: any, commandsManager: any, extensionManager: any}} managers
   * @param {import('./images.js').Images} images
   * @param {import('./mover.js').Mover} mover
   * @param {AbortSignal} life
   */
  constructor({ servicesManager, commandsManager }, images, mover, life) {
    this.services = servicesManager.services;
    this.commands = commandsManager;
    this.images = images;
    this.mover = mover;
    this.life = life;
  }

  /** Row by row. @returns {string[]} */
  ids() {
    const panes = [...this.services.viewportGridService.getState().viewports.entries()];
    const at = (/** @type {any} */ pane) => [Number(pane.y) || 0, Number(pane.x) || 0];
    return panes.sort(([, one], [, other]) => at(one)[0] - at(other)[0] || at(one)[1] - at(other)[1]).map(([id]) => id);
  }

  /** @param {string} id @returns {any} null where it is no viewport of images, or not ready */
  viewport(id) {
    const found = this.services.cornerstoneViewportService.getCornerstoneViewport(id);
    if (!found || typeof found.worldToCanvas !== 'function' || typeof found.getImageIds !== 'function' || found.type === 'volume3d') {
      return null;
    }
    // a volume that is still being loaded has no images to ask for: cornerstone logs an error
    const isReady = isStack(found) || (found.getActors?.().length ?? 1) > 0;
    return isReady && idsOf(found).length > 0 ? found : null;
  }

  /** @returns {{id: string, viewport: any}[]} those that show images */
  all() {
    return this.ids().map((id) => ({ id, viewport: this.viewport(id) })).filter(({ viewport }) => viewport !== null);
  }

  /** @returns {string} */
  active() {
    return this.services.viewportGridService.getActiveViewportId();
  }

  /** @param {string} id @returns {string[]} uids of the display sets in a pane */
  setsIn(id) {
    return this.services.viewportGridService.getState().viewports.get(id)?.displaySetInstanceUIDs ?? [];
  }

  /**
   * Where a study goes: where it is shown already, else an empty pane, else the one after the pane that was asked in.
   *
   * @param {string} displaySet uid
   * @param {string | null} source id of the viewport that was asked in
   */
  paneFor(displaySet, source) {
    const others = this.ids().filter((id) => id !== source);
    const at = this.ids().indexOf(source ?? '');
    const after = this.ids().slice(at + 1).find((id) => id !== source) ?? others[0];
    return others.find((id) => this.setsIn(id).includes(displaySet)) ?? others.find((id) => this.setsIn(id).length === 0) ?? after;
  }

  /** Have a study loaded that may not be; where it is, nothing happens. @param {any} match @returns {Promise<any>} the display set of the match */
  async load({ studyInstanceUid, seriesInstanceUid, sopInstanceUid }) {
    const { displaySetService } = this.services;
    const find = () => displaySetService.getActiveDisplaySets().find((/** @type {any} */ set) => (
      set.SeriesInstanceUID === seriesInstanceUid && !set.unsupported
      && [...(set.instances ?? []), ...(set.images ?? [])].some((one) => one.SOPInstanceUID === sopInstanceUid)));
    if (!find()) {
      await this.commands.runCommand('loadStudy', { StudyInstanceUID: studyInstanceUid });
    }
    return this.until(find, 'ohif.notLoaded');
  }

  /** @param {number} rows @param {number} columns */
  async layOut(rows, columns) {
    if (this.ids().length === rows * columns) {
      return;
    }
    this.commands.runCommand('setViewportGridLayout', { numRows: rows, numCols: columns });
    await this.until(() => this.ids().length === rows * columns, 'ohif.noLayout');
    await pause(POLL_MS, this.life);
  }

  /** @param {string} id of a viewport @param {any} displaySet */
  put(id, displaySet) {
    const uid = displaySet.displaySetInstanceUID;
    if (this.setsIn(id).includes(uid)) {
      return;
    }
    let viewportsToUpdate = null;
    try {
      viewportsToUpdate = this.services.hangingProtocolService.getViewportsRequireUpdate(id, uid);
    } catch {
      // a protocol whose viewports show several series together has no rule for another one
    }
    // a protocol such as MPR changes all of its viewports together: only one is wanted
    if (viewportsToUpdate?.length !== 1) {
      viewportsToUpdate = [{ viewportId: id, displaySetInstanceUIDs: [uid], viewportOptions: { viewportType: 'stack', toolGroupId: 'default' } }];
    }
    this.commands.runCommand('setDisplaySetsForViewports', { viewportsToUpdate });
  }

  /** Bring a match onto the screen. @param {string} id of a viewport @param {any} match @param {any} displaySet */
  async show(id, match, displaySet) {
    this.put(id, displaySet);
    const indexIn = (/** @type {any} */ viewport) => this.images.indexOf(viewport, match.sopInstanceUid, match.frameNumber);
    const ready = () => {
      const viewport = this.viewport(id);
      return viewport !== null && indexIn(viewport) >= 0 && (!isStack(viewport) || viewport.getCurrentImageId()) ? viewport : null;
    };
    await this.until(ready, 'ohif.notShown');
    for (let round = 0; round < SETTLING_ROUNDS; round += 1) {
      const viewport = await this.until(ready, 'ohif.notShown');
      if (round > 0 && isThere(viewport, match, indexIn(viewport))) {
        return;
      }
      await this.mover.goTo(viewport, [match.x, match.y, match.z], indexIn(viewport));
      await pause(SETTLING_MS, this.life);
    }
  }

  /**
   * @template T
   * @param {() => T} probe
   * @param {string} what key of the word for its failure
   * @returns {Promise<T>}
   */
  async until(probe, what) {
    for (const begun = Date.now(); Date.now() - begun < LOADED_MS; await pause(POLL_MS, this.life)) {
      const value = probe();
      if (value) {
        return value;
      }
    }
    throw new NotShown(what);
  }
}

/** @param {any} viewport @param {any} match @param {number} index */
function isThere(viewport, match, index) {
  if (isStack(viewport)) {
    return viewport.getCurrentImageIdIndex() === index;
  }
  const cut = cutOf(viewport);
  return Math.abs(dot([match.x, match.y, match.z].map((value, axis) => value - cut.point[axis]), cut.normal)) < ON_SLICE_MM;
}
