// @ts-check
/**
 * What the page shows, in its address: `?patient=`, `?study=`, `?point=`, and `?view=find&patient=` for the list.
 *
 * `point` is `patient,frame,x,y,z` or `instance,frame,row,column`; each part is percent-encoded, as a PatientID may hold a
 * comma.
 */

/**
 * @typedef {{patientId: string, frameOfReferenceUid: string, x: number, y: number, z: number}} BodyPoint LPS, mm
 * @typedef {{sopInstanceUid: string, frameNumber: number, row: number, column: number}} Pixel as resolve takes it
 * @typedef {object} Address
 * @property {'find' | 'point'} view
 * @property {string} [patient] PatientID or Orthanc id
 * @property {string} [study] StudyInstanceUID or Orthanc id
 * @property {BodyPoint | Pixel} [point]
 * @property {string} [exam] whose studies alone are shown
 * @property {string} [query] what is looked for in the list
 */

/** @param {string} search such as location.search @returns {Address} */
export function readAddress(search) {
  const query = new URLSearchParams(search);
  const patient = query.get('patient') || undefined;
  const study = query.get('study') || undefined;
  const point = readPoint(search);
  const isFind = query.get('view') === 'find' || !(patient || study || point);
  const text = query.get('query');
  const exam = query.get('exam');
  return { view: isFind ? 'find' : 'point', patient, study, point, ...(text ? { query: text } : {}), ...(exam ? { exam } : {}) };
}

/** @param {Partial<Address>} address @returns {string} a query, "?" where it is empty */
export function writeAddress({ view, patient, study, point, query, exam }) {
  const parts = [];
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
  if (point) {
    parts.push(`point=${writePoint(point)}`);
  }
  return `?${parts.join('&')}`;
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
