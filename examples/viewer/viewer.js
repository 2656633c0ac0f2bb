// @ts-check
/** A whole viewer in plain fetch, on another origin than the server: sign in, list, show, upload, link, click, compare. */

const WAIT_MS = 1000;
const TRIES = 15;
/** What can succeed later, and is asked again. */
const LATER = new Set(['busy', 'rateLimited', 'tooManyJobs', 'imageNotStored', 'sidecarUnavailable']);

/**
 * In memory only. localStorage would outlive the page and the user's session, on disk, for every later script of this origin.
 *
 * @type {{server: string, authorization: string, ends: number}} `ends`: when the token does, in ms; Infinity if that is not known
 */
const session = { server: '', authorization: '', ends: Infinity };
/** @type {{planes: any[], study: string, series: string}} */
let shown = { planes: [], study: '', series: '' };
/** Answers to older questions change nothing. */
let turn = 0;
const next = () => (turn += 1);

/** @param {string} id @returns {any} */
const at = (id) => document.getElementById(id);

class Problem extends Error {
  /** @param {number} status @param {any} body */
  constructor(status, body) {
    super(body?.detail ?? body?.title ?? `The server answered ${status}.`);
    this.status = status;
    this.code = body?.code ?? '';
    /** Orthanc itself, or a proxy, does not let in whoever asks, or not there; the plugin's own refusals have a code. */
    this.isRefused = status === 401 || (status === 403 && this.code === '');
    /** A proxy that limits requests sends no problem. */
    this.mayPass = LATER.has(this.code) || (status === 503 && this.code === '');
  }
}

/** Nobody is signed in any more. */
class SignedOut extends Error {}

/**
 * @param {string} path below the server
 * @param {RequestInit} [init]
 * @returns {Promise<Response>}
 */
async function ask(path, init = {}) {
  for (let attempt = 1; ; attempt += 1) {
    const answer = await send(path, init);
    if (answer.ok) {
      return answer;
    }
    const problem = new Problem(answer.status, await answer.json().catch(() => null));
    if (problem.isRefused && !(await isSignedIn())) {
      throw new SignedOut(whySignedOut());
    }
    if (!problem.mayPass || attempt === TRIES) {
      throw problem;
    }
    await pause(Math.max(WAIT_MS, 1000 * Number(answer.headers.get('Retry-After'))));
  }
}

/** @param {number} ms */
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** @param {string} path @param {RequestInit} [init] */
function send(path, init = {}) {
  return fetch(session.server + path, {
    ...init, credentials: 'omit', headers: { ...init.headers, Authorization: session.authorization },
  });
}

/** Whether the sign-in still counts: a refusal can also be about what was asked for. */
async function isSignedIn() {
  const { status } = await send('/imaging/me');
  return status !== 401 && status !== 403;
}

function whySignedOut() {
  if (!session.authorization.startsWith('Bearer ')) {
    return 'The server does not accept this sign-in.';
  }
  return Date.now() >= session.ends
    ? `Your token expired at ${new Date(session.ends).toLocaleTimeString()}. Sign in again with a new one.`
    : 'The server does not accept this token: it is wrong, withdrawn, or gives you no role here.';
}

/** When a token ends, as it says itself. Only the server can check that. @param {string} token */
function endOf(token) {
  try {
    const claims = token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/');
    return 1000 * JSON.parse(atob(claims)).exp || Infinity;
  } catch {
    return Infinity; // an opaque one
  }
}

/** @param {string} path @param {object} [body] @returns {Promise<any>} */
async function json(path, body) {
  const init = body && { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) };
  return (await ask(`/imaging${path}`, init)).json();
}

/** An <img> cannot send a sign-in, so its picture is fetched. @param {string} path */
async function picture(path) {
  const image = document.createElement('img');
  image.alt = '';
  image.src = URL.createObjectURL(await (await ask(path)).blob());
  await image.decode();
  return image;
}

/** @param {string} text @param {boolean} [isProblem] */
function say(text, isProblem = false) {
  at('message').textContent = text;
  at('message').className = isProblem ? 'problem' : '';
}

/** @param {() => Promise<void>} work */
function doing(work) {
  work().catch((error) => {
    if (error instanceof SignedOut) {
      if (!session.authorization) {
        return; // a question of before, and the page says already why
      }
      signOut();
    }
    const isAnswered = error instanceof Problem || error instanceof SignedOut;
    say(isAnswered ? error.message : `The server cannot be reached: ${error.message}`, true);
  });
}

/** @param {string} tag @param {string} text */
function element(tag, text) {
  const made = document.createElement(tag);
  made.textContent = text;
  return made;
}

async function listStudies() {
  const { studies } = await json('/studies?limit=100');
  at('studies').replaceChildren(...studies.map((/** @type {any} */ study) => {
    const button = element('button', `${study.studyDate || 'no date'} ${study.modalities.join(' ')} ${study.patientId} ${study.studyDescription}`);
    button.addEventListener('click', () => doing(() => open(study)));
    const line = document.createElement('li');
    line.append(button);
    return line;
  }));
  say(`${studies.length} studies`);
}

/** @param {any} study */
async function open(study) {
  const { series } = await json(`/studies/${study.orthancStudyId}`);
  const largest = [...series].sort((a, b) => b.planes - a.planes)[0];
  const { stacks } = await json(`/series/${largest.orthancSeriesId}/stacks`);
  shown = { planes: stacks[0]?.planes ?? [], study: study.studyInstanceUid, series: largest.seriesInstanceUid };
  if (!shown.planes.length) {
    say('This study has no image with a known place.', true);
    return;
  }
  at('slice').max = String(shown.planes.length - 1);
  at('slice').value = String(Math.floor(shown.planes.length / 2));
  at('grid').replaceChildren();
  await showSlice();
}

async function showSlice() {
  const mine = next();
  const plane = shown.planes[Number(at('slice').value)];
  const { study, series } = shown;
  // the very frame: a preview of an instance shows its first one
  const image = await picture(`/imaging/dicom-web/studies/${study}/series/${series}/instances/${plane.sopInstanceUid}`
    + `/frames/${plane.frameNumber}/rendered`);
  if (mine !== turn) {
    return;
  }
  image.addEventListener('click', (event) => doing(() => resolve(plane, event, image)));
  at('picture').replaceChildren(image);
}

/** @param {any} plane @param {MouseEvent} event @param {HTMLImageElement} image */
async function resolve(plane, event, image) {
  const mine = next();
  const box = image.getBoundingClientRect();
  // the centre of the first pixel is (0, 0)
  const column = ((event.clientX - box.left) / box.width) * image.naturalWidth - 0.5;
  const row = ((event.clientY - box.top) / box.height) * image.naturalHeight - 0.5;
  const answer = await json('/points/resolve', { sopInstanceUid: plane.sopInstanceUid, frameNumber: plane.frameNumber, row, column });
  const figures = await Promise.all(answer.matches.map(figureOf));
  if (mine !== turn) {
    return; // somebody clicked elsewhere meanwhile
  }
  const others = answer.unresolved.map((/** @type {any} */ one) => element('p', `${one.studyInstanceUid}: ${one.reason}. ${one.detail}`));
  at('grid').replaceChildren(...figures, ...others);
  say(`found in ${answer.matches.length} of ${answer.matches.length + answer.unresolved.length} studies`);
}

/** @param {any} match */
async function figureOf(match) {
  const figure = document.createElement('figure');
  figure.dataset.grade = match.grade;
  const image = await picture(match.links.frame);
  const place = element('span', '');
  place.className = 'place';
  place.style.left = `${(100 * (match.column + 0.5)) / image.naturalWidth}%`;
  place.style.top = `${(100 * (match.row + 0.5)) / image.naturalHeight}%`;
  const box = element('div', '');
  box.className = 'picture';
  box.append(image, place);
  const caption = element('figcaption', `${match.studyDate ?? ''} ${match.modality} `);
  // null means "not measured", and is never shown as 0
  const error = match.uncertaintyMm === null ? 'not measured' : `up to ${match.uncertaintyMm.toFixed(1)} mm`;
  const grade = element('span', match.isSource ? 'clicked here' : `${match.grade}: ${error}`);
  grade.className = 'grade';
  caption.append(grade);
  figure.append(box, caption);
  return figure;
}

async function upload() {
  const form = new FormData();
  for (const file of at('files').files) {
    form.append('file', file, file.name);
  }
  if (at('patient').value) {
    form.append('patientID', at('patient').value);
  }
  const { files } = await (await ask('/imaging/uploads', { method: 'PUT', body: form })).json();
  const exam = at('exam').value;
  if (exam) {
    await pause(WAIT_MS); // the index follows within a second; what is later is asked for again
  }
  const lines = [];
  for (const file of files) {
    let text = [file.name, file.status, file.detail].filter(Boolean).join(' ');
    if (exam && file.sopInstanceUid) {
      await json(`/exams/${encodeURIComponent(exam)}/images`, { sopInstanceUid: file.sopInstanceUid });
      text += `, linked to ${exam}`;
    }
    lines.push(element('li', text));
  }
  at('outcomes').replaceChildren(...lines);
  await listStudies();
}

/** @param {string} text UTF-8, as Basic has it */
function encoded(text) {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}

/** Ask for a sign-in; what was shown is hidden until there is one. */
function signOut() {
  session.authorization = '';
  session.ends = Infinity;
  at('content').hidden = true;
  at('token').focus();
}

at('login').addEventListener('submit', (/** @type {Event} */ event) => {
  event.preventDefault();
  session.server = at('server').value.replace(/\/+$/, '');
  const token = at('token').value.trim();
  session.authorization = token ? `Bearer ${token}` : `Basic ${encoded(`${at('user').value}:${at('password').value}`)}`;
  session.ends = token ? endOf(token) : Infinity;
  at('token').value = '';
  at('password').value = '';
  doing(async () => {
    await listStudies();
    at('content').hidden = false;
  });
});
at('upload').addEventListener('submit', (/** @type {Event} */ event) => {
  event.preventDefault();
  doing(upload);
});
at('slice').addEventListener('change', () => doing(showSlice));
