// @ts-check
/** A small picture of an examination. */

import { html } from '../../shared/html.js';

/** @param {{api: import('../../shared/api.js').Api, study: any}} props */
export function Thumbnail({ study }) {
  return html`<canvas class="thumbnail" width="96" height="96" aria-hidden="true" data-series=${study.series[0]?.orthancSeriesId}></canvas>`;
}
