// @ts-check
/** The examinations as marks on a line, as far from each other as they are in time. */

import { html, useEffect, useRef, useState } from '../../shared/html.js';
import { word } from '../../shared/words.js';
import { layOut } from './axis.js';

const MARK = 26;
const TICKS = 22;
const EDGE = 24; // half a label

/**
 * @param {object} props
 * @param {{id: string, date: string, state: import('./study_state.js').StudyState, title: string}[]} props.items
 * @param {string | null} props.pointed id of the one that the pointer is on
 * @param {(id: string | null) => void} props.onPoint
 * @param {(id: string) => void} props.onChoose
 */
export function AxisStrip({ items, pointed, onPoint, onChoose }) {
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const [width, setWidth] = useState(600);
  useEffect(() => {
    const watcher = new ResizeObserver(([entry]) => setWidth(Math.max(200, Math.floor(entry.contentRect.width))));
    if (box.current) {
      watcher.observe(box.current);
    }
    return () => watcher.disconnect();
  }, []);
  const { marks, ticks, levels } = layOut(items.map((item) => item.date), width, MARK);
  const line = levels * MARK - MARK / 2;
  const height = levels * MARK + TICKS;
  return html`<div class="axis" ref=${box} role="group" aria-label=${word('axis.title')} style=${{ height: `${height}px` }}>
    <svg width=${width} height=${height} aria-hidden="true">
      <line class="axis-line" x1="0" x2=${width} y1=${line} y2=${line} />
      ${ticks.map((tick) => html`<g key=${tick.label}>
        <line class="axis-tick" x1=${tick.x} x2=${tick.x} y1=${line} y2=${line + MARK / 2 + 4} />
        ${tick.x > EDGE && tick.x < width - EDGE && html`<text class="axis-label" x=${tick.x} y=${height - 4} text-anchor="middle">${tick.label}</text>`}
      </g>`)}
    </svg>
    ${items.map((item, number) => html`<button type="button" key=${item.id} data-kind=${item.state.kind}
      class=${`axis-mark${pointed === item.id ? ' pointed' : ''}`} title=${item.title} aria-label=${item.title}
      style=${{ left: `${marks[number].x - MARK / 2}px`, top: `${line - MARK / 2 - marks[number].level * MARK}px` }}
      onMouseEnter=${() => onPoint(item.id)} onMouseLeave=${() => onPoint(null)} onFocus=${() => onPoint(item.id)}
      onBlur=${() => onPoint(null)} onClick=${() => onChoose(item.id)}>${number + 1}</button>`)}
  </div>`;
}
