// @ts-check
/** Kept places as measurements of OHIF: an arrow at the point of each report, in the study that the report is of. */

import { word } from '../../web/shared/words.js';

const SOURCE = ['Cornerstone3DTools', '0.1'];
const TOOL = 'ArrowAnnotate';
const ARM_MM = 20;

/** What is mapped says so, wherever the measurement is listed. @param {any} report */
export function labelOf({ name, saidBy, uncertaintyMm }) {
  if (saidBy !== 'plugin') {
    return name;
  }
  return uncertaintyMm === null ? word('ohif.mapped.notMeasured', { name }) : word('ohif.mapped', { name, mm: uncertaintyMm.toFixed(1) });
}

export class Measurements {
  /** @param {import('./session.js').Session} session */
  constructor(session) {
    this.session = session;
    /** @type {Set<string>} reports that are shown: OHIF gives a measurement that is not tracked another id */
    this.shown = new Set();
  }

  /** Show the reports that hold, of the studies that OHIF has loaded. @param {any} place */
  show(place) {
    const { displaySetService } = this.session.services;
    for (const report of place.reports) {
      if (report.x === null || report.stale !== null && report.stale !== undefined) {
        continue;
      }
      const sets = displaySetService.getActiveDisplaySets().filter((/** @type {any} */ set) => (
        set.StudyInstanceUID === report.studyInstanceUid && set.imageIds?.length > 0));
      const imageId = this.imageOf(sets, report);
      if (imageId !== null) {
        this.add(report, imageId);
      }
    }
  }

  /** The image nearest to the point of a report, in the frame that it names. @param {any[]} sets @param {any} report @returns {string | null} */
  imageOf(sets, report) {
    const { images } = this.session;
    const ids = sets.flatMap(({ imageIds }) => imageIds)
      .filter((id) => images.instance(id).FrameOfReferenceUID === report.frameOfReferenceUid);
    const nearest = images.nearest({ getImageIds: () => ids }, [report.x, report.y, report.z]);
    return nearest === null ? null : ids[nearest.index];
  }

  /** @param {any} report @param {string} imageId */
  add(report, imageId) {
    const service = this.session.services.measurementService;
    const id = `longitudinal:${report.id}`;
    const mapping = service?.getSourceMappings?.(...SOURCE)?.find((/** @type {any} */ one) => one.annotationType === TOOL);
    if (!mapping || this.shown.has(report.id)) {
      return;
    }
    this.shown.add(report.id);
    const point = [report.x, report.y, report.z];
    const { orientation } = /** @type {any} */ (this.session.images.plane(imageId));
    // the arrow's tail: up and to the right in the picture
    const tail = point.map((value, axis) => value + ARM_MM * (orientation[axis] - orientation[3 + axis]));
    const annotation = {
      annotationUID: id, highlighted: false, isLocked: true, isVisible: true, invalidated: true,
      metadata: { toolName: TOOL, FrameOfReferenceUID: report.frameOfReferenceUid, referencedImageId: imageId },
      data: {
        text: labelOf(report), label: labelOf(report), cachedStats: {},
        handles: { points: [point, tail], arrowFirst: true, textBox: { hasMoved: false } },
      },
    };
    const [dataSource] = this.session.managers.extensionManager.getActiveDataSource();
    service.addRawMeasurement(service.getSource(...SOURCE), TOOL, { annotation, id }, mapping.toMeasurementSchema, dataSource);
    this.session.grid.all().forEach(({ viewport }) => viewport.render());
  }
}
