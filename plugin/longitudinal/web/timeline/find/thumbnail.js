// @ts-check
/** A small picture of an examination: the middle slice of its largest series, drawn from stored values. */

import { html, useEffect, useRef, useState } from '../../shared/html.js';
import { word } from '../../shared/words.js';
import { frameOf } from '../point/frames.js';
import { readSeries } from '../point/series.js';
import { rangeOf } from '../point/windows.js';
import { AHEAD, FrameLoader } from '../render/loader.js';
import { Renderer } from '../render/renderer.js';

const SIZE = 96;
const KEPT_BYTES = 64 * 2 ** 20;
const LEFT_OUT = 0.01; // of the values at either end, where the image suggests no window

/** @type {WeakMap<import('../../shared/api.js').Api, {loader: FrameLoader, renderer: Renderer}>} */
const TOOLS = new WeakMap();

/** @param {{api: import('../../shared/api.js').Api, study: any}} props */
export function Thumbnail({ api, study }) {
  const canvas = useRef(/** @type {HTMLCanvasElement | null} */ (null));
  const [state, setState] = useState('waits');
  const series = mainSeries(study);
  useEffect(() => {
    if (!series || !canvas.current) {
      setState('none');
      return undefined;
    }
    const controller = new AbortController();
    const shown = canvas.current;
    setState('waits');
    const watcher = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) {
        watcher.disconnect();
        draw(api, series, shown, controller.signal).then(
          () => setState('drawn'),
          () => controller.signal.aborted || setState('none'),
        );
      }
    });
    watcher.observe(shown);
    return () => {
      watcher.disconnect();
      controller.abort();
    };
  }, [api, series]);
  return html`<span class="thumbnail" data-state=${state}><canvas ref=${canvas} width=${SIZE} height=${SIZE} aria-hidden="true"></canvas>
    ${state === 'none' && html`<span class="thumbnail-word">${word('study.noPicture')}</span>`}</span>`;
}

/** @param {any} study @returns {string | null} Orthanc id */
function mainSeries(study) {
  const drawn = study.series.filter((/** @type {any} */ series) => series.planes && series.roles.includes('image'));
  drawn.sort((/** @type {any} */ one, /** @type {any} */ other) => other.planes - one.planes);
  return drawn[0]?.orthancSeriesId ?? null;
}

/**
 * @param {import('../../shared/api.js').Api} api
 * @param {string} series
 * @param {HTMLCanvasElement} canvas
 * @param {AbortSignal} signal
 */
async function draw(api, series, canvas, signal) {
  const { loader, renderer } = toolsOf(api);
  const { sequences } = readSeries(await api.stacks(series, { signal }));
  const { pictures } = sequences.filter(({ frameOfReferenceUid }) => frameOfReferenceUid)
    .reduce((best, each) => (each.pictures.length > best.pictures.length ? each : best));
  const picture = pictures[Math.floor(pictures.length / 2)];
  if (picture.address === null) {
    throw new Error('there is no picture to ask for');
  }
  const stored = await loader.load(api.href(picture.address), signal, AHEAD);
  const frame = frameOf(stored, picture);
  const [between, along] = picture.plane?.spacing ?? [1, 1];
  const { image } = await renderer.draw({
    frame, key: stored.address, matrix: fit(frame, between, along), width: SIZE, height: SIZE,
    window: { ...(picture.window ?? rangeOf(frame, LEFT_OUT)), isInverted: picture.isInverted },
  });
  if (!signal.aborted) {
    canvas.getContext('2d')?.putImageData(image, 0, 0);
  }
}

/** @param {import('../../shared/api.js').Api} api */
function toolsOf(api) {
  const known = TOOLS.get(api) ?? { loader: new FrameLoader((address, init) => api.request(address, init), KEPT_BYTES), renderer: new Renderer() };
  TOOLS.set(api, known);
  return known;
}

/**
 * The whole frame in the middle of the picture, as high and wide as it is in millimetres.
 *
 * @param {{rows: number, columns: number}} frame
 * @param {number} rowMm between rows
 * @param {number} columnMm between columns
 */
function fit({ rows, columns }, rowMm, columnMm) {
  const mm = Math.max(rows * rowMm, columns * columnMm) / SIZE;
  const [column, row] = [mm / columnMm, mm / rowMm];
  const middle = (SIZE - 1) / 2;
  return [column, 0, (columns - 1) / 2 - middle * column, 0, row, (rows - 1) / 2 - middle * row, 0, 0, 0];
}
