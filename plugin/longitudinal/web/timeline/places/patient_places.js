// @ts-check
/** The places on a patient's page of the list. */

import { html } from '../../shared/html.js';
import { word } from '../../shared/words.js';
import { PlaceList, usePlaces } from './list.js';

/**
 * @param {object} props
 * @param {import('../../shared/api.js').Api} props.api
 * @param {string} props.patient Orthanc id
 * @param {number} props.version grows when the archive has changed
 * @param {(address: object) => void} props.go
 */
export function PatientPlaces({ api, patient, version, go }) {
  const [known] = usePlaces(api, patient, version);
  if (known === null || (known.total === 0 && known.unreadTotal === 0)) {
    return null;
  }
  return html`<section class="patient-places"><h2>${word('places.title')}</h2>
    <${PlaceList} known=${known} current=${undefined} onOpen=${(/** @type {string} */ place) => go({ view: 'point', place })} />
  </section>`;
}
