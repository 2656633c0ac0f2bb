// @ts-check
/** The button that shares the patient who is shown, for those who may. */

import { html, useEffect, useState } from '../../shared/html.js';
import { word } from '../../shared/words.js';
import { whoIs } from '../access/who.js';
import { Lazy } from '../panel/lazy.js';

const LOAD = () => import('./dialog.js').then(({ ShareDialog }) => ShareDialog);

/** @param {{api: import('../../shared/api.js').Api, patient: {patientId: string}}} props */
export function ShareButton({ api, patient }) {
  const [days, setDays] = useState(/** @type {number | null} */ (null));
  const [isOpen, setOpen] = useState(false);
  useEffect(() => {
    let isWanted = true;
    whoIs().then((me) => isWanted && setDays(me?.shareDays ?? null));
    return () => {
      isWanted = false;
    };
  }, []);
  if (days === null) {
    return null;
  }
  return html`<button type="button" aria-haspopup="dialog" onClick=${() => setOpen(true)}>${word('share.button')}</button>
    ${isOpen && html`<${Lazy} load=${LOAD} with=${{ api, patientId: patient.patientId, days, onClose: () => setOpen(false) }} />`}`;
}
