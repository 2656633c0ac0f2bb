// @ts-check
/** A picture of a tile to take along: what its canvas shows, with the place, the diameters, the sides and the notice in it. */

import { edgesOf } from '../../shared/geometry.js';
import { saveBlob } from '../../shared/save.js';
import { word } from '../../shared/words.js';
import { titleOf } from '../point/tile.js';
import { labelPlace, linesOf } from './draw.js';

const FOOT = 46; // CSS pixels below the picture

/** @param {import('../point/tile_model.js').TileModel} tile @param {HTMLCanvasElement} shown */
export async function saveKeyImage(tile, shown) {
  const blob = await keyImage(tile, shown);
  saveBlob(blob, `key-image-${tile.study.studyDate || 'undated'}.png`);
}

/** @param {import('../point/tile_model.js').TileModel} tile @param {HTMLCanvasElement} shown @returns {Promise<Blob>} */
export function keyImage(tile, shown) {
  const density = shown.width / tile.size.width;
  const canvas = document.createElement('canvas');
  Object.assign(canvas, { width: shown.width, height: shown.height + FOOT * density });
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
  context.fillStyle = 'black';
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(shown, 0, 0);
  context.scale(density, density);
  context.font = '13px system-ui, sans-serif';
  context.textBaseline = 'middle';
  overlay(context, tile);
  foot(context, tile);
  return new Promise((resolve, reject) => canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error(word('lesions.noPicture')))), 'image/png'));
}

/** @param {CanvasRenderingContext2D} context @param {import('../point/tile_model.js').TileModel} tile */
function overlay(context, tile) {
  const { width, height } = tile.size;
  const { plane } = /** @type {any} */ (tile.shown).picture;
  const crosshair = tile.isCurrent && !tile.isWithdrawn ? tile.crosshair() : null;
  const at = crosshair && tile.canvasAt(crosshair.row, crosshair.column);
  if (at) {
    const isOff = Math.abs(/** @type {any} */ (crosshair).distanceMm) >= 0.05;
    context.setLineDash(isOff ? [4, 3] : []);
    [[-1, 0], [1, 0], [0, -1], [0, 1]].forEach(([x, y]) => stroke(context, { x: at.x + 7 * x, y: at.y + 7 * y }, { x: at.x + 26 * x, y: at.y + 26 * y }, '#ffe14d'));
    context.setLineDash([]);
  }
  if (tile.page.lesions !== null) {
    for (const { lesion, axis, from, to, mm } of linesOf(tile, tile.page.lesions)) {
      stroke(context, from, to, '#7ce6d8');
      const { at: place, dx, dy } = labelPlace(axis, from, to);
      say(context, word(`lesions.drawn.${axis}`, { name: lesion.name, mm: mm.toFixed(1) }), place.x + dx, place.y + dy, '#7ce6d8');
    }
  }
  const edges = edgesOf(plane.orientation, tile);
  say(context, edges.left, 6, height / 2);
  say(context, edges.right, width - 20, height / 2);
  say(context, edges.top, width / 2, 10);
  say(context, edges.bottom, width / 2, height - 10);
}

/** @param {CanvasRenderingContext2D} context @param {import('../point/tile_model.js').TileModel} tile */
function foot(context, tile) {
  const { width, height } = tile.size;
  const { page } = tile;
  const name = `${page.patient.patientName.replaceAll('^', ' ').trim()} ${page.patient.patientId}`.trim();
  say(context, [name, titleOf(tile), word('tile.slice', { slice: /** @type {any} */ (tile.shown).at + 1, slices: /** @type {any} */ (tile.shown).sequence.pictures.length })].join(' · '), 6, height + 13);
  say(context, word('app.notice'), 6, height + 33, '#ffc04d');
  const mm = [200, 100, 50, 20, 10, 5, 2, 1].find((length) => length / Number(page.mmPerPixel) < width / 3) ?? 1;
  const length = mm / Number(page.mmPerPixel);
  stroke(context, { x: width - 10 - length, y: height + 38 }, { x: width - 10, y: height + 38 }, '#ffffff');
  say(context, word('tile.scale', { mm }), width - 10 - length, height + 26);
}

/** @param {CanvasRenderingContext2D} context @param {{x: number, y: number}} from @param {{x: number, y: number}} to @param {string} colour */
function stroke(context, from, to, colour) {
  for (const [style, width] of /** @type {[string, number][]} */ ([['#000c', 3.5], [colour, 1.75]])) {
    Object.assign(context, { strokeStyle: style, lineWidth: width });
    context.beginPath();
    context.moveTo(from.x, from.y);
    context.lineTo(to.x, to.y);
    context.stroke();
  }
}

/** @param {CanvasRenderingContext2D} context @param {string} text @param {number} x @param {number} y */
function say(context, text, x, y, colour = '#ffffff') {
  Object.assign(context, { strokeStyle: '#000', lineWidth: 3, fillStyle: colour });
  context.strokeText(text, x, y);
  context.fillText(text, x, y);
}
