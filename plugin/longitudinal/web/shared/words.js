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

  // Find: the search
  'find.title': 'Find a patient',
  'find.label': 'Name, patient id or study date (2021-03-07, 2021-03, 2021)',
  'find.patients.one': '1 patient',
  'find.patients.many': '{count} patients',
  'find.studies.one': '1 study',
  'find.studies.many': '{count} studies',
  'find.latest': 'last {date}',
  'find.nobody': 'No patient has “{text}” in the name or id, or a study on that date.',
  'find.empty': 'No patients yet. Upload images below, or send them to Orthanc.',
  'find.more': 'Show more patients',
  'find.noAnswer': 'The server cannot be asked: {reason} Trying again.',
  'find.welcome': 'Choose a patient',
  'find.welcomeHow': 'The patient’s studies appear here on a time axis. Open one, click a place in it, and see the same place in all the others.',

  // Find: a patient
  'patient.noName': 'Name not given',
  'patient.noId': 'no patient id',
  'patient.unknown': 'This patient is not in the archive any more.',
  'patient.studies': 'Studies in time order',
  'patient.more': 'Only the first {shown} of {total} studies are shown.',
  'patient.identityConflict': 'Birth date, sex or issuer differ between the studies of this patient id. They may be two people, so they are not aligned with each other.',
  'axis.title': 'Time axis',
  'study.noDate': 'no date',
  'study.noModality': 'no images',
  'study.noDescription': 'no description',
  'study.noPicture': 'no picture',
  'study.choose': 'Select {title}',
  'study.open': 'Open {title}',
  'study.slices.one': '1 slice',
  'study.slices.many': '{count} slices',
  'interval.days': '{value} d',
  'interval.months': '{value} months',
  'interval.years': '{value} y',

  // Find: what can be said of a study
  'state.notIndexed': 'Not indexed: its slices cannot be found yet',
  'state.indexFailed': 'Indexing failed',
  'state.index.queued': 'Waits to be indexed',
  'state.index.running': 'Being indexed, {percent} %',
  'state.align.queued': 'Waits to be aligned',
  'state.align.running': 'Being aligned, {percent} %',
  'state.needsAlignment': 'Indexed, not aligned: a place cannot be followed here yet',
  'state.noPlace': 'Indexed: its images have no position in the body',
  'state.reference': 'Reference: the patient’s first images',
  'state.sameFrame': 'Same scanner coordinates as the first images',
  'state.aligned.measured.reviewed': 'Aligned, error up to about {mm} mm, reviewed',
  'state.aligned.measured.notReviewed': 'Aligned, error up to about {mm} mm, not reviewed',
  'state.aligned.notMeasured.reviewed': 'Aligned, error not measured, reviewed',
  'state.aligned.notMeasured.notReviewed': 'Aligned, error not measured, not reviewed',
  'state.alignmentFailed': 'Alignment failed',

  // Find: actions
  'action.open': 'Open the timeline',
  'action.all': 'Select all',
  'action.none': 'Select none',
  'action.chosen.one': '1 study selected',
  'action.chosen.many': '{count} studies selected',
  'action.everything': 'None selected: the buttons act on all',
  'action.index.one': 'Index 1 study',
  'action.index.many': 'Index {count} studies',
  'action.align.one': 'Align 1 study',
  'action.align.many': 'Align {count} studies',
  'action.indexQueued.one': '1 study is going to be indexed.',
  'action.indexQueued.many': '{count} studies are going to be indexed.',
  'action.alignQueued.one': '1 alignment is going to be made.',
  'action.alignQueued.many': '{count} alignments are going to be made.',
  'action.nothing': 'There is nothing to do.',
  'action.conflict': 'One of these studies is being aligned at this moment. Wait until it is done, or stop it.',
  'action.method': 'Motion',
  'method.rigid': 'rigid (head, bones)',
  'method.affine': 'stretched',
  'method.deformable': 'deformable (soft organs, slower)',

  // Find: what the server works on
  'work.title': 'Indexing and alignment',
  'work.none': 'Nothing is being indexed or aligned.',
  'work.noAnswer': 'The server does not tell what it works on: {reason} Trying again.',
  'work.kind.index': 'Index',
  'work.kind.align': 'Align',
  'work.someStudy': 'a study',
  'work.waits': 'Waits for its turn',
  'work.running': '{percent} %, {stage}',
  'work.stage.search': 'looking for a start',
  'work.stage.refine': 'refining',
  'work.stage.affine': 'stretching',
  'work.stage.deform': 'deforming',
  'work.stage.check': 'checking',
  'work.secondsLeft': 'about {seconds} s left',
  'work.minutesLeft': 'about {minutes} min left',
  'work.stop': 'Stop',
  'work.stopThis': 'Stop: {title}',
  'work.retry': 'Try again',
  'work.retryThis': 'Try again: {title}',
  'work.moreQueued.one': '1 more waits.',
  'work.moreQueued.many': '{count} more wait.',
  'work.state.done': 'Done',
  'work.state.failed': 'Failed: {why}',
  'work.state.cancelled': 'Stopped',
  'work.outcome.aligned': 'Aligned',
  'work.outcome.failed': 'Not aligned: {why}',
  'work.outcome.nothingToDo': 'Nothing to do: already aligned',
  'work.outcome.identityConflict': 'Not aligned: the studies may be of two people',

  // Find: uploads
  'upload.title': 'Upload',
  'upload.how': 'Drop files or a folder anywhere on this page, or choose them. Zip files are unpacked.',
  'upload.files': 'Choose files…',
  'upload.folder': 'Choose a folder…',
  'upload.drop': 'Drop to upload',
  'upload.running': 'Sending: {sent} of {files} files, {mib} of {allMib} MiB',
  'upload.done': 'Sent: {sent} of {files} files, {allMib} MiB',
  'upload.stopped': 'Stopped after {sent} of {files} files',
  'upload.noAnswer': 'The server does not answer',
  'upload.outcomes': 'What became of each file',
  'upload.count.stored.one': '1 stored',
  'upload.count.stored.many': '{count} stored',
  'upload.count.alreadyStored.one': '1 there already',
  'upload.count.alreadyStored.many': '{count} there already',
  'upload.count.refused.one': '1 refused',
  'upload.count.refused.many': '{count} refused',
  'upload.count.notSent.one': '1 not sent',
  'upload.count.notSent.many': '{count} not sent',
  'upload.status.stored': 'stored',
  'upload.status.alreadyStored': 'there already',
  'upload.status.refused': 'refused',
  'upload.status.notSent': 'not sent',
  'upload.stoppedByYou': 'stopped',
  'upload.noName': '(no name)',
  'upload.open': 'Open the patient',
  'upload.openNumber': 'Open patient {number}',
  'upload.all': 'Show all {count} files',

  // The attributes of a slice
  'header.title': 'Attributes of this slice',
  'header.search': 'Name, keyword, tag number or value',
  'header.found.one': '1 attribute',
  'header.found.many': '{count} attributes',
  'header.items.one': '1 item',
  'header.items.many': '{count} items',
  'header.itemsLeft.one': '1 more item is not shown.',
  'header.itemsLeft.many': '{count} more items are not shown.',
  'header.private': 'Private attribute',
  'header.notShown': 'binary or too long: not shown',
  'header.noValue': 'no value',
  'header.cut': '… (cut: the value goes on)',
  'header.noAnswer': 'The attributes cannot be read: {reason}',

  // Help
  'help.button': 'Keys (?)',
  'help.title': 'Keyboard and pointer',
  'help.close': 'Close',
  'help.letters': 'Single letters, digits and signs act (the arrow keys always do)',
  'keys.group.move': 'Through the slices',
  'keys.group.place': 'The place',
  'keys.group.picture': 'The picture',
  'keys.group.page': 'The page',
  'keys.by.wheelSlice': 'Wheel',
  'keys.by.wheelFiveSlices': 'Shift + wheel',
  'keys.by.wheelZoom': 'Ctrl + wheel',
  'keys.by.clickPlace': 'Click',
  'keys.by.dragCrosshair': 'Drag the crosshair',
  'keys.by.dragWindow': 'Drag, left button',
  'keys.by.dragPan': 'Drag, middle button',
  'keys.by.dragZoom': 'Drag, right button',
  'keys.wheelSlice': 'next or previous slice of the picture under the pointer',
  'keys.wheelFiveSlices': 'five slices',
  'keys.wheelZoom': 'zoom',
  'keys.clickPlace': 'set the place',
  'keys.dragCrosshair': 'move the place',
  'keys.dragWindow': 'brightness and contrast',
  'keys.dragPan': 'move the picture',
  'keys.dragZoom': 'zoom',
  'keys.previousSlice': 'previous slice',
  'keys.nextSlice': 'next slice',
  'keys.firstSlice': 'first slice',
  'keys.lastSlice': 'last slice',
  'keys.previousSeries': 'previous series',
  'keys.nextSeries': 'next series',
  'keys.previousStudy': 'previous study',
  'keys.nextStudy': 'next study',
  'keys.cine': 'play the slices, stop',
  'keys.setPlace': 'set the place at the crosshair',
  'keys.crosshairUp': 'crosshair up by a pixel, with Shift by ten',
  'keys.crosshairDown': 'crosshair down',
  'keys.crosshairLeft': 'crosshair left',
  'keys.crosshairRight': 'crosshair right',
  'keys.backToPlace': 'back to the slice of the place',
  'keys.cancel': 'cancel, close',
  'keys.zoomIn': 'larger',
  'keys.zoomOut': 'smaller',
  'keys.fit': 'fit into the tile',
  'keys.reset': 'zoom, position and window as at first',
  'keys.windowPreset': 'window presets',
  'keys.invert': 'invert',
  'keys.flipHorizontally': 'left and right exchanged, letters too',
  'keys.flipVertically': 'top and bottom exchanged, letters too',
  'keys.openInOhif': 'open this slice in OHIF',
  'keys.showHeader': 'attributes of this slice',
  'keys.search': 'to the search field',
  'keys.help': 'this list',
  'keys.name.ArrowUp': 'Up',
  'keys.name.ArrowDown': 'Down',
  'keys.name.ArrowLeft': 'Left',
  'keys.name.ArrowRight': 'Right',
  'keys.name.PageUp': 'Page Up',
  'keys.name.PageDown': 'Page Down',
  'keys.name.Home': 'Home',
  'keys.name.End': 'End',
  'keys.name.Enter': 'Enter',
  'keys.name.Escape': 'Esc',
  'keys.name.Space': 'Space',
  'keys.name.Alt': 'Alt',
  'keys.name.Shift': 'Shift',
  // End of Find, attributes and help
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
