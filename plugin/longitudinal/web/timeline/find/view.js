// @ts-check
/** Find: patients and their studies on a time axis, what the server works on, and uploads. */

import { html, useEffect, useState } from '../../shared/html.js';
import { word } from '../../shared/words.js';
import { Bar } from '../bar.js';
import { actionOf, areLettersOn } from '../keyboard.js';
import { useJobs } from './jobs_feed.js';
import { PatientPane } from './patient_pane.js';
import { SearchPanel } from './search_panel.js';
import { UploadPanel } from './upload_panel.js';
import { Work } from './work.js';

/** @param {import('../app.js').ViewProps} props */
export function View({ address, go, api }) {
  const [feed, ask] = useJobs(api);
  const [version, setVersion] = useState(0);
  const patient = address.patient;
  const text = address.query ?? '';
  /** @param {string} id */
  const open = (id) => go({ view: 'find', patient: id, query: address.query });
  useEffect(() => {
    document.title = word('app.title');
    const pressed = (/** @type {KeyboardEvent} */ event) => {
      if (actionOf(event, { letters: areLettersOn() })?.name === 'search') {
        event.preventDefault();
        document.getElementById('search-text')?.focus();
      }
    };
    addEventListener('keydown', pressed);
    return () => removeEventListener('keydown', pressed);
  }, []);
  return html`<${Bar} address=${address} go=${go} patient=${patient}><span class="bar-title">${word('app.title')}</span></${Bar}>
    <main class="find">
      <div class="find-side">
        <${SearchPanel} api=${api} chosen=${patient} text=${text} version=${version} onOpen=${open}
          onText=${(/** @type {string} */ typed) => go({ view: 'find', patient, query: typed || undefined }, { replace: true })} />
        <${UploadPanel} api=${api} onOpen=${open} onStored=${() => {
          setVersion((before) => before + 1);
          ask();
        }} />
        <${Work} api=${api} feed=${feed} onChange=${ask} />
      </div>
      <div class="find-main">
        ${patient
          ? html`<${PatientPane} key=${patient} api=${api} id=${patient} feed=${feed} version=${version} onChange=${ask} go=${go} />`
          : html`<div class="welcome"><h1>${word('find.welcome')}</h1><p>${word('find.welcomeHow')}</p></div>`}
      </div>
    </main>`;
}
