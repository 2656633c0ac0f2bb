// @ts-check
/** Buttons for all tiles: what a drag does, windows, zoom; they act on the tile that was used last. */

import { html } from '../../shared/html.js';
import { word } from '../../shared/words.js';
import { CompareButtons, LinkSwitches } from '../compare/toolbar.js';
import { act } from './keys.js';
import { CT_PRESETS, OWN_PRESETS } from './windows.js';

/** @type {readonly ('window' | 'pan' | 'zoom')[]} */
const TOOLS = ['window', 'pan', 'zoom'];

/** @param {{page: import('./page_model.js').PageModel}} props */
export function Toolbar({ page }) {
  const tile = page.active ?? page.asked;
  const presets = tile?.isCalibrated ? CT_PRESETS : OWN_PRESETS;
  const button = (/** @type {string} */ name, /** @type {object} */ more = {}) => html`<button
    onClick=${() => act(page, { name })} title=${word(`tool.${name}.title`)} ...${more}>${word(`tool.${name}`)}</button>`;
  return html`<div class="toolbar" role="toolbar" aria-label=${word('tool.name')}>
    <div class="group" role="group" aria-label=${word('tool.drag')}>
      <span class="quiet">${word('tool.drag')}</span>
      ${TOOLS.map((tool) => html`<button key=${tool} aria-pressed=${page.tool === tool} onClick=${() => page.setTool(tool)}>${word(`tool.drag.${tool}`)}</button>`)}
    </div>
    <label class="group"><span class="quiet">${word('tool.preset')}</span>
      <select value="" onChange=${(/** @type {any} */ event) => { act(page, { name: 'windowPreset', value: Number(event.target.value) }); event.target.value = ''; }}>
        <option value="">${word('tool.choose')}</option>
        ${presets.map((preset, at) => html`<option value=${at + 1} key=${preset.key}>${at + 1} ${word(preset.key)}</option>`)}
      </select></label>
    <${LinkSwitches} page=${page} />
    <${CompareButtons} page=${page} />
    <div class="group">${button('zoomOut')}${button('zoomIn')}${button('fit')}${button('native')}${button('backToPlace')}</div>
    <div class="group">${button('invert')}${button('flipHorizontally')}${button('flipVertically')}${button('reset')}</div>
    ${page.question === null && html`<span class="quiet">${word('page.hint')}</span>`}
  </div>`;
}
