// @ts-check
/** What went wrong, as a key of shared/words.js with its values. */

import { Problem } from '../../shared/api.js';
import { BadPixels } from '../render/npy.js';

/** @typedef {{key: string, values?: Record<string, string | number>}} Message */

/** Orthanc's answers for a frame that it cannot decode. */
const UNDECODABLE = [400, 415, 500];

/** Why a picture is not shown. @param {unknown} error @param {boolean} isOfPixels @returns {Message} */
export function pictureMessage(error, isOfPixels) {
  if (error instanceof BadPixels || (isOfPixels && error instanceof Problem && UNDECODABLE.includes(error.status))) {
    return { key: 'tile.badPixels' };
  }
  if (error instanceof Problem && error.status === 404) {
    return { key: 'tile.gone' };
  }
  return { key: 'tile.failed', values: { detail: detailOf(error) } };
}

/** Why a question has no answer. @param {unknown} error @returns {Message} */
export function questionMessage(error) {
  if (error instanceof Problem && error.mayPass) {
    return { key: 'page.noAnswer' };
  }
  if (error instanceof Problem && error.code === 'ambiguous') {
    return { key: 'page.ambiguous', values: { detail: error.detail } };
  }
  if (error instanceof Problem && error.status === 404) {
    return { key: 'page.unknown', values: { detail: error.detail } };
  }
  return { key: 'page.failed', values: { detail: detailOf(error) } };
}

/** @param {unknown} error */
export function detailOf(error) {
  return error instanceof Error ? error.message : String(error);
}
