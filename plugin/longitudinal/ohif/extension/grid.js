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
/** How OHIF's own protocols show slices. */
const STACK = { viewportType: 'stack', toolGroupId: 'default' };
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

  /** The viewport that shows a display set and nothing else, `first` before others. @param {any} displaySet @param {string} [first] @returns {string | null} */
  shownIn({ displaySetInstanceUID: uid }, first) {
    const holds = this.ids().filter((id) => this.setsIn(id).length === 1 && this.setsIn(id)[0] === uid);
    return holds.find((id) => id === first) ?? holds[0] ?? null;
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

  /**
   * Another layout, in one step with what it shows: OHIF fills new panes by itself, and a pane that is changed while it is
   * being filled may show the one and say the other.
   *
   * @param {[number, number]} size rows, columns
   * @param {{displaySet: any, from: string | null}[]} wanted pane by pane; `from` is the viewport that goes there as it is
   */
  async layOut([numRows, numCols], wanted) {
    const { viewportGridService } = this.services;
    const { viewports, activeViewportId } = viewportGridService.getState();
    const findOrCreateViewport = (/** @type {number} */ position) => {
      const { displaySet, from } = wanted[position] ?? { displaySet: null, from: null };
      const known = from === null ? undefined : viewports.get(from);
      if (known !== undefined) {
        const { displaySetInstanceUIDs, displaySetOptions, viewportOptions } = known;
        return { displaySetInstanceUIDs, displaySetOptions, viewportOptions };
      }
      const shown = displaySet === null ? [] : [displaySet.displaySetInstanceUID];
      return { displaySetInstanceUIDs: shown, displaySetOptions: shown.map(() => ({})), viewportOptions: { ...STACK } };
    };
    await viewportGridService.setLayout({ numRows, numCols, layoutOptions: [], activeViewportId, findOrCreateViewport, isHangingProtocolLayout: false });
    const isDone = () => this.ids().length === numRows * numCols && wanted.every(({ displaySet }, at) => (
      displaySet === null || this.setsIn(this.ids()[at]).includes(displaySet.displaySetInstanceUID)));
    await this.until(isDone, 'ohif.noLayout');
  }

  /**
   * Put display sets into viewports, all in one step: OHIF may draw what is between two.
   *
   * @param {[string, any][]} wanted ids of viewports, and what they are to show
   */
  put(wanted) {
    const viewportsToUpdate = wanted.filter(([id, { displaySetInstanceUID: uid }]) => !this.setsIn(id).includes(uid))
      .map(([id, { displaySetInstanceUID: uid }]) => this.change(id, uid));
    if (viewportsToUpdate.length > 0) {
      this.commands.runCommand('setDisplaySetsForViewports', { viewportsToUpdate });
    }
  }

  /** What has to be changed for a viewport to show a display set. @param {string} id @param {string} uid */
  change(id, uid) {
    let changes = null;
    try {
      changes = this.services.hangingProtocolService.getViewportsRequireUpdate(id, uid);
    } catch {
      // a protocol whose viewports show several series together has no rule for another one
    }
    // a protocol such as MPR changes all of its viewports together: only one is wanted
    return changes?.length === 1 ? changes[0]
      : { viewportId: id, displaySetInstanceUIDs: [uid], viewportOptions: { ...STACK } };
  }

  /** Bring a match onto the screen. @param {string} id of a viewport @param {any} match @param {any} displaySet */
  async show(id, match, displaySet) {
    this.put([[id, displaySet]]);
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
