// @ts-check
/**
 * What the page shows, in its address: `?patient=`, `?study=`, `?point=`, `?place=`, and `?view=find&patient=` for the list.
 *
 * `point` is `patient,frame,x,y,z` or `instance,frame,row,column`; each part is percent-encoded, as a PatientID may hold a
 * comma.
 */

/**
 * @typedef {{patientId: string, frameOfReferenceUid: string, x: number, y: number, z: number}} BodyPoint LPS, mm
 * @typedef {{sopInstanceUid: string, frameNumber: number, row: number, column: number}} Pixel as resolve takes it
 * @typedef {object} Address
 * @property {'find' | 'point' | 'align' | 'review'} view
 * @property {string} [patient] PatientID or Orthanc id
 * @property {string} [study] StudyInstanceUID or Orthanc id
 * @property {BodyPoint | Pixel} [point]
 * @property {string} [place] id of a place that is kept
 * @property {string} [exam] whose studies alone are shown
 * @property {string} [query] what is looked for in the list
 * @property {string} [layout] how the studies are shown (compare/layout.js)
 * @property {string} [source] StudyInstanceUID or Orthanc id: of two studies that are aligned by hand
 * @property {string} [target]
 * @property {string} [review] id of the transform that is reviewed in the point view
 */

/** @param {string} search such as location.search @returns {Address} */
export function readAddress(search) {
  const query = new URLSearchParams(search);
  const patient = query.get('patient') || undefined;
  const study = query.get('study') || undefined;
  const point = readPoint(search);
  const place = query.get('place') || undefined;
  const view = query.get('view');
  const exam = query.get('exam');
  if (view === 'review' || (view === 'align' && patient)) {
    return { view, patient, ...pairOf(query), ...(exam ? { exam } : {}) };
  }
  const isFind = view === 'find' || !(patient || study || point || place);
  const text = query.get('query');
  const review = query.get('review');
  const layout = isFind ? null : query.get('layout');
  return {
    view: isFind ? 'find' : 'point', patient, study, point, ...(place ? { place } : {}), ...(text ? { query: text } : {}),
    ...(layout ? { layout } : {}), ...(review ? { review } : {}), ...(exam ? { exam } : {}),
  };
}

/** @param {Partial<Address>} address @returns {string} a query, "?" where it is empty */
export function writeAddress({ view, patient, study, point, place, query, layout, source, target, review, exam }) {
  const parts = [];
  if (view === 'align' || view === 'review') {
    parts.push(`view=${view}`);
  }
  if (view === 'find' && patient) {
    parts.push('view=find');
  }
  if (patient) {
    parts.push(`patient=${encodeURIComponent(patient)}`);
  }
  if (study) {
    parts.push(`study=${encodeURIComponent(study)}`);
  }
  if (exam) {
    parts.push(`exam=${encodeURIComponent(exam)}`);
  }
  if (query) {
    parts.push(`query=${encodeURIComponent(query)}`);
  }
  if (place) {
    parts.push(`place=${encodeURIComponent(place)}`);
  }
  if (point) {
    parts.push(`point=${writePoint(point)}`);
  }
  if (layout) {
    parts.push(`layout=${encodeURIComponent(layout).replace(/%(3A|3B|2C|3D|2F)/g, decodeURIComponent)}`);
  }
  for (const [name, uid] of [['source', source], ['target', target], ['review', review]]) {
    if (uid) {
      parts.push(`${name}=${encodeURIComponent(uid)}`);
    }
  }
  return `?${parts.join('&')}`;
}

/** The two studies of an alignment by hand. @param {URLSearchParams} query */
function pairOf(query) {
  const named = ['source', 'target'].map((name) => [name, query.get(name) || undefined]).filter(([, uid]) => uid !== undefined);
  return Object.fromEntries(named);
}

/** @param {BodyPoint | Pixel} point @returns {string} */
export function writePoint(point) {
  const parts = 'sopInstanceUid' in point
    ? [point.sopInstanceUid, point.frameNumber, shortened(point.row), shortened(point.column)]
    : [point.patientId, point.frameOfReferenceUid, shortened(point.x), shortened(point.y), shortened(point.z)];
  return parts.map((part) => encodeURIComponent(part)).join(',');
}

/** @param {number} value mm or pixels */
function shortened(value) {
  return Number(value.toFixed(3));
}

/** @param {string} search @returns {BodyPoint | Pixel | undefined} */
function readPoint(search) {
  const raw = /[?&]point=([^&]*)/.exec(search)?.[1];
  if (raw === undefined) {
    return undefined;
  }
  const parts = raw.replaceAll('+', ' ').split(/,/).map(decoded);
  // the whole value may have been encoded once more, commas and all, as a program would do
  const all = parts.length === 1 ? parts[0].split(',').map(decoded) : parts;
  const numbers = all.slice(2).map(Number);
  if (numbers.some((value) => !Number.isFinite(value))) {
    return undefined;
  }
  if (all.length === 5) {
    return { patientId: all[0], frameOfReferenceUid: all[1], x: numbers[0], y: numbers[1], z: numbers[2] };
  }
  if (all.length === 4 && Number.isInteger(Number(all[1]))) {
    return { sopInstanceUid: all[0], frameNumber: Number(all[1]), row: numbers[0], column: numbers[1] };
  }
  return undefined;
}

/** @param {string} text */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
