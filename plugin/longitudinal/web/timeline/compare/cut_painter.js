// @ts-check
/** Puts cuts, and pairs of them, on the canvas of a tile: the newest that is wanted, one at a time. */

import { greyFunction } from '../render/voi.js';
import { compose } from './pair.js';
import { NoWay } from './cuts.js';

/**
 * @typedef {import('../point/painter.js').Painter} Painter
 * @typedef {import('./cuts.js').Screen} Screen
 * @typedef {import('./cuts.js').Cut} Cut
 */

const BUSY_MS = 150;

export class CutPainter {
  /** @param {Painter} painter @param {import('./compare.js').Compare} compare */
  constructor(painter, compare) {
    this.painter = painter;
    this.compare = compare;
    /** @type {{screen: Screen, studies: readonly import('../point/tile_model.js').TileModel[], key: string} | null} */
    this.wanted = null;
    this.isRunning = false;
    this.running = new AbortController();
    /** @type {{key: string, screen: Screen, cuts: readonly Cut[]} | null} */
    this.here = null;
    this.drawn = '';
  }

  /** @param {Screen} screen */
  paint(screen) {
    const { tile } = this.painter;
    const studies = this.compare.studiesOn(tile);
    const key = keyOf(screen, studies);
    if (this.here?.key !== key && this.wanted?.key !== key) {
      this.wanted = { screen, studies, key };
      this.running.abort();
      this.run();
    }
    this.draw(screen);
  }

  async run() {
    if (this.isRunning) {
      return;
    }
    this.isRunning = true;
    const busy = setTimeout(() => this.tell({ isCutting: true }), BUSY_MS);
    while (this.wanted !== null) {
      const { screen, studies, key } = this.wanted;
      this.running = new AbortController();
      const { signal } = this.running;
      /** @type {(Cut | null)[]} */
      const early = studies.map(() => null);
      try {
        const cuts = await Promise.all(studies.map((study, at) => this.compare.cuts.values(study, screen, signal, (cut) => {
          early[at] = cut;
          if (early.every((one, number) => one !== null || studies[number] === screen.source) && !signal.aborted) {
            this.show(key, screen, early.map((one) => one ?? cut));
          }
        })));
        this.tell({ cutProblem: null });
        this.show(key, screen, cuts);
      } catch (error) {
        if (!signal.aborted) {
          this.tell({ cutProblem: { key: error instanceof NoWay ? 'cut.noWay' : 'cut.failed', values: { detail: String(error) } } });
          this.here = { key, screen, cuts: [] };
          this.painter.schedule();
        }
      }
      if (this.wanted?.key === key) {
        this.wanted = null;
      }
    }
    clearTimeout(busy);
    this.isRunning = false;
    this.tell({ isCutting: false });
  }

  /** What the tile says of it. @param {{isCutting?: boolean, cutFrom?: 'here' | 'server', cutProblem?: import('../point/messages.js').Message | null}} told */
  tell(told) {
    const { tile } = this.painter;
    const isNew = Object.entries(told).some(([name, value]) => /** @type {any} */ (tile)[name] !== value);
    if (isNew) {
      Object.assign(tile, told);
      tile.changed();
    }
  }

  /** @param {string} key @param {Screen} screen @param {readonly Cut[]} cuts */
  show(key, screen, cuts) {
    this.here = { key, screen, cuts };
    this.tell({ cutFrom: cuts.some(({ from }) => from === 'server') ? 'server' : 'here' });
    this.painter.schedule();
  }

  /** @param {Screen} screen that is wanted; what is here may be of the one before */
  draw({ width, height }) {
    const { here, painter: { canvas, context, tile } } = this;
    if (here === null || here.screen.source !== tile.onCanvas || here.cuts.length === 0) {
      this.painter.clear(width, height);
      this.drawn = '';
      return;
    }
    if (here.screen.width !== width || here.screen.height !== height) {
      return; // another size: what is there stays for the moment that it takes
    }
    const how = this.compare.howOn(tile);
    const ranges = here.cuts.map((_, at) => this.compare.rangeOf(this.compare.studiesOn(tile)[at] ?? tile));
    const name = JSON.stringify([here.key, here.cuts.map(({ from }) => from), ranges, how]);
    if (name !== this.drawn) {
      const image = new ImageData(width, height);
      if (here.cuts.length === 1) {
        greyInto(image, here.cuts[0].values, ranges[0]);
      } else {
        compose(image, here.cuts.map(({ values }) => values), ranges, how);
      }
      Object.assign(canvas, canvas.width === width && canvas.height === height ? {} : { width, height });
      context.putImageData(image, 0, 0);
      this.drawn = name;
      this.painter.last = null;
    }
    this.say(ranges, how);
  }

  /** What is on the screen, for those who check it. @param {readonly any[]} ranges @param {any} how */
  say(ranges, how) {
    const { screen, cuts } = /** @type {any} */ (this.here);
    const { sopInstanceUid, frameNumber } = screen.shown.picture;
    const { canvas, tile } = this.painter;
    const told = JSON.stringify({
      sopInstanceUid, frameNumber, matrix: screen.matrix, window: ranges.at(-1), reduction: 1, answer: tile.shown?.answer ?? 0,
      cut: { from: cuts.map((/** @type {Cut} */ { from }) => from), windows: ranges, ...how },
    });
    if (canvas.dataset.painted !== told) {
      canvas.dataset.painted = told;
    }
  }

  /** What is here was cut by something that holds no more. */
  forget() {
    this.leave();
    this.here = null;
    this.drawn = '';
  }

  leave() {
    this.wanted = null;
    this.running.abort();
  }
}

/** @param {ImageData} image @param {Float32Array} values @param {import('../render/sample.js').Window} window */
function greyInto({ data }, values, window) {
  const pixels = new Uint32Array(data.buffer);
  const toGrey = greyFunction(window);
  const grey = new Uint8ClampedArray(1);
  for (let at = 0; at < values.length; at += 1) {
    grey[0] = toGrey(values[at]); // NaN becomes 0
    pixels[at] = 0xff000000 | (grey[0] * 0x010101);
  }
}

/** @param {Screen} screen @param {readonly import('../point/tile_model.js').TileModel[]} studies */
function keyOf({ shown, matrix, width, height, source }, studies) {
  const stacks = studies.map((study) => [study.uid, (study.wanted ?? study.shown)?.series.uid, (study.wanted ?? study.shown)?.sequence.key]);
  return JSON.stringify([source.uid, shown.picture.address, shown.frame !== null, matrix.slice(0, 6).map((value) => Number(value.toFixed(7))), width, height, stacks]);
}
