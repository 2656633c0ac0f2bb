// @ts-check
/** One plot of one scale: means over time, and how far the uncertainty of the place leaves each open. */

import uPlot from '../../shared/vendor/uplot/uPlot.esm.js';
import { html, useEffect, useRef } from '../../shared/html.js';
import { pointsOf, shortened, sizeOf } from './scales.js';

const HEIGHT = 170;
const COLOURS = { text: '#a9b4c0', grid: '#2b333c', line: '#6cb8ff', bar: '#e6eaee' };
const CAP = 4; // CSS pixels at the ends of a bar

/** @param {{scale: import('./scales.js').Scale, name: string, summary: string}} props */
export function Plot({ scale, name, summary }) {
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    const element = /** @type {HTMLElement} */ (box.current);
    const { times, means, least, greatest } = pointsOf(scale);
    const size = sizeOf(scale);
    const plot = new uPlot(
      /** @type {any} */ (optionsOf({ scale, least, greatest, size, width: element.clientWidth })),
      /** @type {any} */ ([times, means]), element,
    );
    const observer = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height: HEIGHT }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      plot.destroy();
    };
  }, [scale]);
  return html`<div class="values-plot" role="img" aria-label=${`${name}. ${summary}`} ref=${box}></div>`;
}

/** @param {{scale: any, least: (number | null)[], greatest: (number | null)[], size: number, width: number}} of */
function optionsOf({ scale, least, greatest, size, width }) {
  const axis = { stroke: COLOURS.text, grid: { stroke: COLOURS.grid, width: 1 }, ticks: { stroke: COLOURS.grid, width: 1 }, font: '11px system-ui' };
  const ends = [...least, ...greatest].filter((value) => value !== null);
  return {
    width,
    height: HEIGHT,
    tzDate: (/** @type {number} */ seconds) => uPlot.tzDate(new Date(seconds * 1000), 'Etc/UTC'),
    legend: { show: false },
    cursor: { show: false },
    padding: [10, 12, 0, 0],
    scales: { y: { range: (/** @type {any} */ _, /** @type {number} */ low, /** @type {number} */ high) => spread(low, high, ends) },
      x: { range: (/** @type {any} */ _, /** @type {number} */ low, /** @type {number} */ high) => widened(low, high) } },
    axes: [axis, { ...axis, size: 58, values: (/** @type {any} */ _, /** @type {number[]} */ marks) => marks.map((mark) => shortened(mark, size)) }],
    series: [{}, {
      // numbers of an arbitrary scale are not joined: two scans need not share it
      stroke: COLOURS.line, width: scale.quantity === 'raw' ? 0 : 1.5, points: { show: true, size: 8, fill: COLOURS.line, stroke: COLOURS.line },
    }],
    hooks: { draw: [(/** @type {any} */ plot) => bars(plot, least, greatest)] },
  };
}

/** @param {number} low @param {number} high @param {number[]} ends @returns {[number, number]} */
function spread(low, high, ends) {
  const least = Math.min(low ?? 0, ...ends);
  const most = Math.max(high ?? 1, ...ends);
  const room = (most - least) * 0.12 || Math.abs(most) * 0.1 || 1;
  return [least - room, most + room];
}

/** @param {number} first @param {number} last seconds @returns {[number, number]} */
function widened(first, last) {
  const room = Math.max((last - first) * 0.06, 20 * 86_400);
  return [first - room, last + room];
}

/** From the least to the greatest mean. @param {any} plot @param {(number | null)[]} least @param {(number | null)[]} greatest */
function bars(plot, least, greatest) {
  const { ctx } = plot;
  const cap = CAP * devicePixelRatio;
  ctx.save();
  ctx.strokeStyle = COLOURS.bar;
  ctx.lineWidth = 1.25 * devicePixelRatio;
  ctx.beginPath();
  plot.data[0].forEach((/** @type {number} */ time, /** @type {number} */ at) => {
    if (least[at] !== null && greatest[at] !== null) {
      const x = plot.valToPos(time, 'x', true);
      const [top, bottom] = [greatest[at], least[at]].map((value) => plot.valToPos(value, 'y', true));
      ctx.moveTo(x, top);
      ctx.lineTo(x, bottom);
      for (const y of [top, bottom]) {
        ctx.moveTo(x - cap, y);
        ctx.lineTo(x + cap, y);
      }
    }
  });
  ctx.stroke();
  ctx.restore();
}
