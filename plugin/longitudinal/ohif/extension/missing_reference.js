// @ts-check
/** An RTSTRUCT or a SEG whose images are not there: OHIF draws nothing of it, and we say what is missing. */

import { word } from '../../web/shared/words.js';

/**
 * Every such object in the viewports, told once.
 *
 * @param {any[]} displaySets
 * @returns {{uid: string, message: string}[]}
 */
export function withoutReference(displaySets) {
  return displaySets.filter((set) => set?.isOverlayDisplaySet && !set.referencedDisplaySetInstanceUID).map((set) => ({
    uid: set.displaySetInstanceUID,
    message: word('ohif.missingReference', {
      name: set.SeriesDescription || word('ohif.noDescription'), modality: set.Modality ?? '',
      series: set.referencedSeriesInstanceUID || word('ohif.notStated'),
    }),
  }));
}

/** @param {import('./session.js').Session} session @param {any} surroundings */
export function tellMissingReferences(session, surroundings) {
  const told = new Set();
  const tell = () => {
    const { displaySetService } = session.services;
    const shown = session.grid.ids().flatMap((id) => session.grid.setsIn(id)).map((uid) => displaySetService.getDisplaySetByUID(uid));
    for (const { uid, message } of withoutReference(shown)) {
      if (!told.has(uid)) {
        told.add(uid);
        session.notices.push(message);
        session.question.changed();
        session.notify(message);
      }
    }
  };
  // OHIF asks in the middle of drawing, when nothing else may be drawn
  surroundings.onMissingReference = () => setTimeout(() => session.life.aborted || tell());
  session.life.addEventListener('abort', () => Object.assign(surroundings, { onMissingReference: null, lacksReference: false }));
  if (surroundings.lacksReference) {
    setTimeout(() => session.life.aborted || tell());
  }
}
