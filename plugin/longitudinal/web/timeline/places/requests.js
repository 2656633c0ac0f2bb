// @ts-check
/** The routes of places, and what the page makes of their answers. */

import { inPath } from '../../shared/api.js';

/** @typedef {import('../../shared/api.js').Api} Api */

/** @param {Api} api @param {string} patientId PatientID or Orthanc id @param {AbortSignal} [signal] */
export function listPlaces(api, patientId, signal) {
  return api.ask(`/places?${new URLSearchParams({ patientId })}`, { signal });
}

/** @param {Api} api @param {string} id @param {AbortSignal} [signal] */
export function openPlace(api, id, signal) {
  return api.ask(`/places/${inPath(id)}`, { signal });
}

/**
 * @param {Api} api
 * @param {string} name
 * @param {any} question as resolve takes it
 * @param {string} [study] StudyInstanceUID that a point was asked for in
 */
export function keepPlace(api, name, question, study) {
  const where = 'sopInstanceUid' in question || study === undefined ? {} : { studyInstanceUid: study };
  return api.ask('/places', { body: { name, ...question, ...where } });
}

/** @param {Api} api @param {string} id @param {string} name */
export function renamePlace(api, id, name) {
  return api.ask(`/places/${inPath(id)}`, { method: 'PUT', body: { name } });
}

/** @param {Api} api @param {string} id */
export function deletePlace(api, id) {
  return api.ask(`/places/${inPath(id)}`, { method: 'DELETE' });
}

/** @param {Api} api @param {string} id @param {string[]} [studies] all where none is named */
export function keepInStudies(api, id, studies) {
  return api.ask(`/places/${inPath(id)}/studies`, { body: studies === undefined ? {} : { studyInstanceUids: studies } });
}

/** @param {Api} api @param {string} id @param {string} study */
export function removeFromStudy(api, id, study) {
  return api.ask(`/places/${inPath(id)}/studies/${inPath(study)}`, { method: 'DELETE' });
}

/**
 * The question that shows a place: its pixel where the answer has that image, otherwise its point.
 *
 * @param {any} detail of GET /places/{place}
 * @returns {any} null: the place has no position now
 */
export function questionOf({ place, answer }) {
  if (answer === null || place.source === null) {
    return null;
  }
  const image = place.reports.find((/** @type {any} */ report) => report.id === place.source)?.image;
  if (image && answer.matches.some((/** @type {any} */ match) => match.isSource && match.sopInstanceUid === image.sopInstanceUid)) {
    return image;
  }
  const { x, y, z, frameOfReferenceUid, patientId } = place;
  return { patientId, frameOfReferenceUid, x, y, z };
}

/**
 * What can be said of a place in each study of the patient, in time order.
 *
 * @param {any} detail of GET /places/{place}
 * @param {any[]} studies of the patient
 * @returns {{study: any, report: any, match: any, unresolved: any, others: any[]}[]} `report` is the plugin's or a user's,
 *   `others` are those of other software
 */
export function linesOf({ place, answer }, studies) {
  return studies.map((study) => {
    const uid = study.studyInstanceUid;
    const reports = place.reports.filter((/** @type {any} */ report) => report.studyInstanceUid === uid);
    const isIn = (/** @type {any} */ one) => one.studyInstanceUid === uid;
    return {
      study,
      report: reports.find((/** @type {any} */ report) => report.isOwn) ?? null,
      others: reports.filter((/** @type {any} */ report) => !report.isOwn),
      match: answer?.matches.find(isIn) ?? null,
      unresolved: answer?.unresolved.find(isIn) ?? null,
    };
  });
}
