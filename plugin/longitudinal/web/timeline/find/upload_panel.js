// @ts-check
/** Uploading: choose or drop files, see how far they are and what became of each. */

import { Problem } from '../../shared/api.js';
import { html, useEffect, useLayoutEffect, useRef, useState } from '../../shared/html.js';
import { counted, word } from '../../shared/words.js';
import { filesOfDrop, filesOfInput } from './dropped_files.js';
import { sendAll } from './uploads.js';

const MOST_SHOWN = 200;
const MIB = 1024 * 1024;
const ORDER = ['refused', 'notSent', 'stored', 'alreadyStored'];

/**
 * @param {object} props
 * @param {import('../../shared/api.js').Api} props.api
 * @param {() => void} props.onStored something new is in the archive
 * @param {(patient: string) => void} props.onOpen
 */
export function UploadPanel({ api, onStored, onOpen }) {
  const [upload, setUpload] = useState(/** @type {import('./uploads.js').Upload | null} */ (null));
  const [isOver, setOver] = useState(false);
  const stop = useRef(/** @type {AbortController | null} */ (null));
  const isRunning = upload?.state === 'running';

  /** @param {import('./uploads.js').Named[]} files */
  async function start(files) {
    if (!files.length || stop.current) {
      return;
    }
    stop.current = new AbortController();
    await sendAll(files, (form, onBytes, signal) => put(api, form, onBytes, signal), setUpload, stop.current.signal);
    stop.current = null;
    onStored();
  }

  useDrop(setOver, (transfer) => filesOfDrop(transfer).then(start));
  useEffect(() => {
    if (!isRunning) {
      return undefined;
    }
    const warn = (/** @type {BeforeUnloadEvent} */ event) => event.preventDefault();
    addEventListener('beforeunload', warn);
    return () => removeEventListener('beforeunload', warn);
  }, [isRunning]);

  return html`<section class="upload" aria-labelledby="upload-title">
    <h2 id="upload-title">${word('upload.title')}</h2>
    <p class="quiet">${word('upload.how')}</p>
    <p class="choices">
      <${Choice} label=${word('upload.files')} isDisabled=${isRunning} onChoose=${start} />
      <${Choice} label=${word('upload.folder')} isFolder isDisabled=${isRunning} onChoose=${start} />
    </p>
    ${upload && html`<${Progress} upload=${upload} onStop=${() => stop.current?.abort()} />
      <${Outcomes} outcomes=${upload.outcomes} onOpen=${onOpen} />`}
    ${isOver && html`<div class="drop" aria-hidden="true"><p>${word('upload.drop')}</p></div>`}
  </section>`;
}

/** @param {{label: string, isFolder?: boolean, isDisabled: boolean, onChoose: (files: any[]) => void}} props */
function Choice({ label, isFolder = false, isDisabled, onChoose }) {
  const input = useRef(/** @type {HTMLInputElement | null} */ (null));
  /** @param {any} event */
  function chosen(event) {
    const files = filesOfInput(event.target.files);
    event.target.value = ''; // the same files can be chosen again
    onChoose(files);
  }
  return html`<button type="button" disabled=${isDisabled} onClick=${() => input.current?.click()}>${label}</button>
    <input ref=${input} class="visually-hidden" type="file" multiple webkitdirectory=${isFolder} tabindex="-1" aria-hidden="true"
      onChange=${chosen} />`;
}

/** @param {{upload: import('./uploads.js').Upload, onStop: () => void}} props */
function Progress({ upload, onStop }) {
  const { files, bytes, sentFiles, sentBytes, state } = upload;
  const line = word(`upload.${state}`, {
    sent: sentFiles, files, mib: (sentBytes / MIB).toFixed(1), allMib: (bytes / MIB).toFixed(1),
  });
  return html`<div class="upload-progress">
    <progress max=${bytes || 1} value=${sentBytes} aria-label=${word('upload.title')}></progress>
    <p class="job-line"><span role="status">${line}</span>
      ${state === 'running' && html`<button type="button" onClick=${onStop}>${word('work.stop')}</button>`}</p>
  </div>`;
}

/** @param {{outcomes: import('./uploads.js').Outcome[], onOpen: (patient: string) => void}} props */
function Outcomes({ outcomes, onOpen }) {
  const [isWhole, setWhole] = useState(false);
  if (!outcomes.length) {
    return null;
  }
  const sorted = ORDER.flatMap((status) => outcomes.filter((each) => each.status === status));
  const shown = isWhole ? sorted : sorted.slice(0, MOST_SHOWN);
  const patients = [...new Set(outcomes.map((each) => each.patient).filter(Boolean))];
  const counts = ORDER.map((status) => [status, outcomes.filter((each) => each.status === status).length])
    .filter(([, count]) => count).map(([status, count]) => counted(`upload.count.${status}`, Number(count)));
  return html`<p class="upload-counts">${counts.join(', ')}</p>
    ${patients.slice(0, 5).map((patient, number) => html`<button type="button" class="open-patient" key=${patient}
      onClick=${() => onOpen(patient)}>${patients.length === 1 ? word('upload.open') : word('upload.openNumber', { number: number + 1 })}</button>`)}
    <ul class="outcomes" tabindex="0" aria-label=${word('upload.outcomes')}>
      ${shown.map((each, number) => html`<li key=${number} data-status=${each.status}>
        <span class="file">${each.name || word('upload.noName')}</span> <span class="outcome">${word(`upload.status.${each.status}`)}</span>
        ${each.duplicateOf && html` <span class="why">${word('upload.duplicateOf', { name: each.duplicateOf })}</span>`}
        ${each.warnings && each.warnings.length > 0 && html` <details class="warnings"><summary>${counted('upload.warnings', each.warnings.length)}</summary>
          ${each.warnings.map((text, place) => html`<p class="why" key=${place}>${text}</p>`)}</details>`}
        ${each.detail && html` <span class="why">${each.detail === 'stopped' ? word('upload.stoppedByYou') : each.detail}</span>`}
      </li>`)}
    </ul>
    ${shown.length < sorted.length && html`<button type="button" onClick=${() => setWhole(true)}>
      ${word('upload.all', { count: sorted.length })}</button>`}`;
}

/**
 * Take what is dropped anywhere on the page, from the moment it is shown: without us the browser would open the file instead.
 *
 * @param {(isOver: boolean) => void} setOver
 * @param {(transfer: DataTransfer) => void} take
 */
function useDrop(setOver, take) {
  useLayoutEffect(() => {
    const controller = new AbortController();
    const { signal } = controller;
    const hasFiles = (/** @type {DragEvent} */ event) => event.dataTransfer?.types.includes('Files') ?? false;
    addEventListener('dragover', (event) => {
      if (hasFiles(event)) {
        event.preventDefault();
        setOver(true);
      }
    }, { signal });
    addEventListener('dragleave', (event) => event.relatedTarget === null && setOver(false), { signal });
    addEventListener('drop', (event) => {
      if (event.dataTransfer && hasFiles(event)) {
        event.preventDefault();
        setOver(false);
        take(event.dataTransfer);
      }
    }, { signal });
    return () => controller.abort();
  }, []);
}

/**
 * PUT /uploads with the bytes that are on their way told, which fetch cannot.
 *
 * @param {import('../../shared/api.js').Api} api
 * @param {FormData} form
 * @param {(sent: number) => void} onBytes
 * @param {AbortSignal} signal
 * @returns {Promise<any>}
 */
function put(api, form, onBytes, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const fail = () => reject(new Problem({ status: 0, code: 'noAnswer', title: word('upload.noAnswer'), detail: '' }));
    request.open('PUT', api.href(`${api.root}/uploads`));
    request.upload.addEventListener('progress', (event) => onBytes(event.loaded));
    request.addEventListener('error', fail);
    request.addEventListener('abort', fail);
    request.addEventListener('load', () => {
      const told = parsed(request.responseText);
      if (request.status === 200 && told) {
        resolve(told);
      } else {
        reject(new Problem({
          status: request.status, code: told?.code ?? '', title: told?.title ?? String(request.status), detail: told?.detail ?? '',
          retryAfter: Number(request.getResponseHeader('Retry-After')) || 0,
        }));
      }
    });
    signal.addEventListener('abort', () => request.abort(), { once: true });
    request.send(form);
  });
}

/** @param {string} text */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null; // a proxy's own page
  }
}
