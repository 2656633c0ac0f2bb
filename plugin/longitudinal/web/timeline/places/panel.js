// @ts-check
/** The places beside the point view: keep the place that is shown, list and open those that are kept; `M` begins. */

import { html, useEffect, useRef, useState } from '../../shared/html.js';
import { word } from '../../shared/words.js';
import { actionOf, areLettersOn } from '../keyboard.js';
import { PlaceList, usePlaces } from './list.js';
import { OpenPlace } from './open_place.js';
import { keepPlace } from './requests.js';

/**
 * @param {object} props
 * @param {import('../point/page_model.js').PageModel} props.page drawn again whenever the page changes
 * @param {string | undefined} props.place id of the place that is open
 * @param {import('../app.js').ViewProps['go']} props.go
 */
export function PlacesButton({ page, place, go }) {
  const [isOpen, setOpen] = useState(place !== undefined);
  const [keeping, setKeeping] = useState(0); // grows each time a name is to be typed
  useEffect(() => {
    const pressed = (/** @type {KeyboardEvent} */ event) => {
      if (actionOf(event, { letters: areLettersOn() })?.name === 'keepPlace') {
        event.preventDefault();
        setOpen(true);
        setKeeping((before) => before + 1);
      }
    };
    addEventListener('keydown', pressed);
    return () => removeEventListener('keydown', pressed);
  }, []);
  return html`<button type="button" aria-expanded=${isOpen} onClick=${() => setOpen(!isOpen)}>${word('places.button')}</button>
    ${isOpen && html`<${Panel} page=${page} patient=${page.patient} place=${place} go=${go} keeping=${keeping} onClose=${() => setOpen(false)} />`}`;
}

/**
 * @param {object} props
 * @param {import('../point/page_model.js').PageModel} props.page
 * @param {any} props.patient of the drawing: the page's is null while another question opens
 * @param {string | undefined} props.place
 * @param {import('../app.js').ViewProps['go']} props.go
 * @param {number} props.keeping
 * @param {() => void} props.onClose
 */
function Panel({ page, patient, place, go, keeping, onClose }) {
  const { api } = page;
  const [version, setVersion] = useState(0);
  const changed = () => setVersion((before) => before + 1);
  const [known, problem] = usePlaces(api, patient.orthancPatientId, version);
  // an alignment that was made or withdrawn changes where places are
  useEffect(changed, [page.number]);
  const { exam } = page;
  const studies = exam === undefined ? patient.studies
    : patient.studies.filter((/** @type {any} */ study) => page.tiles.some(({ uid }) => uid === study.studyInstanceUid));
  const open = (/** @type {string} */ id) => go({ view: 'point', place: id, exam });
  return html`<aside class="header-panel places-panel" aria-label=${word('places.title')}>
    <div class="dialog-head"><h2>${word('places.title')}</h2>
      <button type="button" onClick=${onClose}>${word('help.close')}</button></div>
    <${Keep} page=${page} keeping=${keeping} onKept=${(/** @type {string} */ id) => { changed(); open(id); }} />
    ${problem !== null && html`<p class="problem" role="alert">${word('places.failed', { detail: problem instanceof Error ? problem.message : String(problem) })}</p>`}
    <div class="places-scroll" tabindex="0" role="region" aria-label=${word('places.title')}>
      ${known === null ? problem === null && html`<p role="status">${word('app.loading')}</p>` : html`<${PlaceList} known=${known} current=${place} exam=${exam} onOpen=${open}>
        ${place !== undefined && html`<${OpenPlace} key=${place} api=${api} id=${place} studies=${studies} isLimited=${exam !== undefined} version=${version} onChange=${changed}
          onDeleted=${() => { changed(); go({ view: 'point', patient: patient.orthancPatientId, exam }); }} />`}
      </${PlaceList}>`}
    </div>
  </aside>`;
}

/** @param {{page: import('../point/page_model.js').PageModel, keeping: number, onKept: (id: string) => void}} props */
function Keep({ page, keeping, onKept }) {
  const [name, setName] = useState('');
  const [told, setTold] = useState('');
  const [isBusy, setBusy] = useState(false);
  const field = useRef(/** @type {HTMLInputElement | null} */ (null));
  useEffect(() => {
    if (keeping > 0) {
      field.current?.focus();
    }
  }, [keeping]);
  /** @param {Event} event */
  async function send(event) {
    event.preventDefault();
    setBusy(true);
    setTold('');
    try {
      const kept = await keepPlace(page.api, name, page.question, page.asked?.uid);
      setName('');
      onKept(kept.id);
    } catch (error) {
      setTold(word('places.failed', { detail: error instanceof Error ? error.message : String(error) }));
    } finally {
      setBusy(false);
    }
  }
  const isAsked = page.question !== null;
  return html`<form class="place-form" onSubmit=${send}>
    <label>${word('places.keepName')}
      <input type="text" ref=${field} required maxlength="64" autocomplete="off" value=${name} disabled=${!isAsked}
        onInput=${(/** @type {any} */ event) => setName(event.target.value)} /></label>
    <button disabled=${!isAsked || isBusy || name.trim() === ''}>${word(isBusy ? 'places.working' : 'places.keep')}</button>
    ${!isAsked && html`<p class="quiet">${word('page.hint')}</p>`}
    <p role="status" class="problem">${told}</p>
  </form>`;
}
