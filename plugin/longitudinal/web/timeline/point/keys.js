// @ts-check
/** What the actions of the keyboard map do in this view. */

import { openedShare } from '../share/session.js';
import { CT_PRESETS, OWN_PRESETS, rangeOf } from './windows.js';

/**
 * @typedef {import('./page_model.js').PageModel} PageModel
 * @typedef {import('./tile_model.js').TileModel} TileModel
 * @typedef {{name: string, value?: number}} Action as timeline/keyboard.js names it
 */

const ZOOM_STEP = 1.25;

/** @type {Record<string, (tile: TileModel, action: Action) => unknown>} */
const ACTIONS = {
  previousSlice: (tile) => tile.step(-1),
  nextSlice: (tile) => tile.step(1),
  firstSlice: (tile) => tile.goTo(0),
  lastSlice: (tile) => tile.goTo(Infinity),
  previousSeries: (tile) => tile.otherSeries(-1),
  nextSeries: (tile) => tile.otherSeries(1),
  previousStudy: (tile) => tile.page.goToNext(tile, -1),
  nextStudy: (tile) => tile.page.goToNext(tile, 1),
  cine: (tile) => tile.play(!tile.isPlaying),
  setPlace,
  sameCut: (tile) => tile.page.compare.setSameCut(!tile.page.compare.sameCut),
  blink: (tile) => tile.page.compare.pairing.press('blink'),
  swipe: (tile) => tile.page.compare.pairing.press('swipe'),
  checkerboard: (tile) => tile.page.compare.pairing.press('checkerboard'),
  difference: (tile) => tile.page.compare.pairing.press('difference'),
  fusion: (tile) => tile.page.compare.pairing.press('fusion'),
  toggleLink: (tile) => tile.page.compare.toggle(),
  toggleTileLink: (tile) => tile.page.compare.linkTile(tile, !tile.isLinked),
  crosshairUp: (tile, { value = 1 }) => moved(tile, 0, -value),
  crosshairDown: (tile, { value = 1 }) => moved(tile, 0, value),
  crosshairLeft: (tile, { value = 1 }) => moved(tile, -value, 0),
  crosshairRight: (tile, { value = 1 }) => moved(tile, value, 0),
  backToPlace: (tile) => {
    tile.page.compare.link.reset();
    tile.page.center();
    tile.page.tiles.forEach((one) => one.place());
  },
  cancel: (tile) => {
    tile.draft = null;
    tile.page.compare.pairing.end();
    tile.play(false);
  },
  zoomIn: (tile) => tile.page.zoom(ZOOM_STEP),
  zoomOut: (tile) => tile.page.zoom(1 / ZOOM_STEP),
  fit: (tile) => tile.page.fit(tile),
  native: (tile) => tile.page.native(tile),
  reset: (tile) => {
    tile.flip({ isFlippedH: false, isFlippedV: false, isInverted: false });
    tile.page.compare.resetWindow(tile);
    tile.page.fit(tile);
  },
  windowPreset: preset,
  invert: (tile) => tile.flip({ isInverted: !tile.isInverted }),
  flipHorizontally: (tile) => tile.flip({ isFlippedH: !tile.isFlippedH }),
  flipVertically: (tile) => tile.flip({ isFlippedV: !tile.isFlippedV }),
  drawDiameter: (tile) => openedShare() === null && tile.page.openLesions(),
  review: (tile) => openedShare() === null && tile.page.openReviews(),
  openInOhif: (tile) => tile.match?.links.ohif && openedShare() === null && open(tile.page.api.href(tile.match.links.ohif), '_blank', 'noopener'),
};

/** @param {PageModel} page @param {Action} action @returns {boolean} whether it was one of this view's */
export function act(page, action) {
  const tile = page.active ?? page.asked;
  const does = ACTIONS[action.name];
  if (does === undefined || tile === null) {
    return false;
  }
  does(tile, action);
  return true;
}

/** Where the mouse is, else where the crosshair is, else in the middle. @param {TileModel} tile */
function setPlace(tile) {
  const { width, height } = tile.size;
  const { x, y } = tile.pointer ?? { x: width / 2, y: height / 2 };
  const pixel = tile.pointer === null ? tile.crosshair() ?? tile.pixelAt(x, y) : tile.pixelAt(x, y);
  if (pixel !== null) {
    tile.page.askAt(tile, { row: pixel.row, column: pixel.column });
  }
}

/** The crosshair by so many pixels of the image, as it is seen. @param {TileModel} tile @param {number} right @param {number} down */
function moved(tile, right, down) {
  const from = tile.draft ?? tile.crosshair();
  const frame = tile.shown?.frame;
  if (from === null || !frame) {
    return;
  }
  const bounded = (/** @type {number} */ value, /** @type {number} */ count) => Math.min(Math.max(value, 0), count - 1);
  tile.draft = {
    row: bounded(from.row + (tile.isFlippedV ? -down : down), frame.rows),
    column: bounded(from.column + (tile.isFlippedH ? -right : right), frame.columns),
  };
  tile.changed();
  tile.page.follow(tile, tile.draft);
}

/** @param {TileModel} tile @param {Action} action */
function preset(tile, { value = 1 }) {
  const frame = tile.shown?.frame;
  if (!frame) {
    return;
  }
  if (tile.isCalibrated) {
    const found = CT_PRESETS[value - 1];
    if (found !== undefined) {
      tile.setRange({ center: found.center, width: found.width });
    }
  } else {
    const found = OWN_PRESETS[value - 1];
    if (found !== undefined) {
      tile.page.compare.windowChanges.delete(tile.shown?.series.modality ?? '');
      tile.page.compare.together('window', tile).forEach((one) => {
        const its = one.shown?.frame;
        one.setOwnRange(found.key === 'window.ownImage' || !its ? null : rangeOf(its, found.share));
      });
    }
  }
}
