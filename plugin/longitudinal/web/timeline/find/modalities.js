// @ts-check
/** What a study was made with, in words of DICOM. Pure. */

/**
 * Those of its images; of a study without any, all.
 *
 * @param {any} study
 */
export function modalitiesOf(study) {
  const images = study.series.filter((/** @type {any} */ series) => series.planes > 0);
  return [...new Set((images.length ? images : study.series).map((/** @type {any} */ series) => series.modality))].sort().join(' ');
}
