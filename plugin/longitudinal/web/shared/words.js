// @ts-check
/**
 * All words that people read, by key. A translation is a copy of this file.
 *
 * `{name}` stands for a value. A value is text and never markup.
 */

/** @type {Record<string, string>} */
const WORDS = {
  // The page
  'app.title': 'Timeline',
  'app.notice': 'Not for primary diagnosis',
  'app.find': 'Find',
  'app.loading': 'Loading…',
  'app.viewMissing': 'This part of the page could not be loaded. Load the page again.',

  // One place in every study
  'page.title': '{name} · Timeline',
  'page.hint': 'Click a place in an image: it is found in every other study.',
  'page.answered': 'The place is shown in {found} of {all} studies.',
  'page.noAnswer': 'The server does not answer. Trying again…',
  'page.ambiguous': 'This identifier names more than one patient, study or image. {detail}',
  'page.unknown': 'Not found in the index. {detail}',
  'page.failed': 'The question could not be answered. {detail}',
  'page.noStudies': 'This patient has no studies.',
  'page.identityConflict': 'Identity conflict: birth date, sex or issuer differ between studies of this patient.',

  'paging.name': 'Pages of studies',
  'paging.earlier': 'Earlier',
  'paging.later': 'Later',
  'paging.page': '{page} of {pages}',

  'strip.name': 'Studies in time',

  'interval.sameDay': 'same day',
  'interval.days': '{sign}{count} d',
  'interval.months': '{sign}{count} mo',
  'interval.years': '{sign}{count} y',

  'tile.noDate': 'no date',
  'tile.picture': '{name}, slice {slice} of {slices}',
  'tile.series': 'Series',
  'tile.chooseSeries': 'Choose a series',
  'tile.seriesNoPlace': '{name} (no place in the patient)',
  'tile.frame': 'Images with the letter {letter} share one coordinate system, or alignments join theirs',
  'tile.slider': 'Slice',
  'tile.slice': 'slice {slice}/{slices}',
  'tile.window': 'W {width} L {center} {unit}',
  'tile.full': 'full quality',
  'tile.reduced': 'reduced {times}:1 to fit',
  'tile.scale': '{mm} mm',
  'tile.onSlice': '0.0 mm, on the slice',
  'tile.beside': '{mm} mm beside the slice',
  'tile.inGap': 'in a gap between slices',
  'tile.otherFrame': 'The place is not known in this series: other coordinates.',
  'tile.reviewed': 'alignment reviewed',
  'tile.notReviewed': 'alignment not reviewed',
  'tile.cine': 'Play the slices',
  'tile.ohif': 'OHIF',
  'tile.ohif.of': 'Open {study} in OHIF',
  'tile.loading': 'loading…',
  'tile.waiting': 'Click a place in the other image, or choose a series.',
  'tile.notShown': 'Not shown.',
  'tile.noPlace': 'This picture has no place in the patient. It is shown as it is.',
  'tile.noPlaceToAsk': 'This picture has no place in the patient: no point of it can be found elsewhere.',
  'tile.noPixels': 'This object has no picture that can be shown.',
  'tile.noSeries': 'This study has no series in the index.',
  'tile.badPixels': 'This picture cannot be decoded. The place and the other slices are not affected.',
  'tile.gone': 'This image is no longer in the archive.',
  'tile.notThere': 'The image of this place is no longer in its series. Ask again.',
  'tile.noAnswer': 'The server does not answer. Trying again…',
  'tile.failed': 'This could not be done. {detail}',
  'tile.withdrawn': 'The alignment that led here was deleted or rejected. The place does not hold any more.',
  'tile.askAgain': 'Ask again',

  'grade.asked': 'asked here',
  'grade.green': 'good: error up to {mm} mm',
  'grade.amber': 'fair: error up to {mm} mm',
  'grade.red': 'poor: error up to {mm} mm',
  'grade.notMeasured': 'error not measured',
  'grade.sharedFrame': 'same scanner coordinates, error not measured',
  'grade.withdrawn': 'no longer known',

  'refine.button': 'Refine',
  'refine.button.of': 'Refine the place in {study}',
  'refine.running': 'Refining…',
  'refine.moved': 'refined: moved {mm} mm',
  'refine.confirmed': 'refined: the place was confirmed',
  'refine.contradicted': 'The images contradict this place. The old place is kept; do not rely on it.',
  'refine.kept': 'Not refined, the old place is kept. {detail}',
  'refine.changed': 'Images or alignments have changed. Ask again.',
  'refine.none': 'This place cannot be refined.',
  'refine.failed': 'Refining failed. {detail}',

  'unresolved.needsAlignment': 'Not aligned with the other studies',
  'unresolved.notIndexed': 'Not indexed yet',
  'unresolved.outsideCoverage': 'The place is beside the images of this study',
  'unresolved.notIndexable': 'No images with a place in the patient',
  'unresolved.alignmentFailed': 'The alignment of this study failed',
  'unresolved.outsideTransform': 'The place is outside the region that was aligned',
  'unresolved.index': 'Index',
  'unresolved.align': 'Align',
  'unresolved.alignAgain': 'Align again',

  'job.progress': 'Progress',
  'job.queued': 'Waits for its turn',
  'job.running': '{percent} %: {stage}',
  'job.left': '{seconds} s left',
  'job.stop': 'Stop',
  'job.failed': 'That failed. {detail}',
  'job.cancelled': 'Stopped.',

  'tool.name': 'Tools',
  'tool.drag': 'Drag',
  'tool.drag.window': 'Window',
  'tool.drag.pan': 'Pan',
  'tool.drag.zoom': 'Zoom',
  'tool.preset': 'Window',
  'tool.choose': 'Preset',
  'tool.linkWindow': 'One window for all CT',
  'tool.zoomIn': '+',
  'tool.zoomIn.title': 'Zoom in',
  'tool.zoomOut': '−',
  'tool.zoomOut.title': 'Zoom out',
  'tool.fit': 'Fit',
  'tool.fit.title': 'The whole image',
  'tool.native': '1:1',
  'tool.native.title': 'One pixel of the image for each pixel of the screen',
  'tool.backToPlace': 'To the place',
  'tool.backToPlace.title': 'Back to the place, in the middle of every tile',
  'tool.invert': 'Invert',
  'tool.invert.title': 'Dark for bright',
  'tool.flipHorizontally': 'Flip H',
  'tool.flipHorizontally.title': 'Left for right',
  'tool.flipVertically': 'Flip V',
  'tool.flipVertically.title': 'Top for bottom',
  'tool.reset': 'Reset',
  'tool.reset.title': 'As the images were at first',

  'window.softTissue': 'Soft tissue',
  'window.lung': 'Lung',
  'window.bone': 'Bone',
  'window.brain': 'Brain',
  'window.liver': 'Liver',
  'window.mediastinum': 'Mediastinum',
  'window.stroke': 'Stroke',
  'window.ownImage': 'As the image says',
  'window.middle98': 'Without the extremes',
  'window.all': 'All values',

  // Find
  'find.title': 'Find a patient',
};

/**
 * @param {string} key
 * @param {Record<string, string | number>} [values]
 * @returns {string} the key itself where there is no such word, so that the gap is seen
 */
export function word(key, values = {}) {
  const text = WORDS[key];
  if (text === undefined) {
    return key;
  }
  return text.replace(/\{(\w+)\}/g, (gap, name) => (name in values ? String(values[name]) : gap));
}

/** @param {string} key @returns {boolean} */
export function hasWord(key) {
  return key in WORDS;
}

/**
 * One or many: `counted('find.studies', 3)` takes 'find.studies.many', or 'find.studies.one' for 1.
 *
 * @param {string} key
 * @param {number} count
 * @param {Record<string, string | number>} [values]
 */
export function counted(key, count, values = {}) {
  return word(`${key}.${count === 1 ? 'one' : 'many'}`, { count, ...values });
}
