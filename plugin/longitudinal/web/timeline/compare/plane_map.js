// @ts-check
/**
 * Where a plane of one frame lies in another: a matrix where the transform is one, else a grid of points over the image,
 * made finer until what lies between them is right. LPS mm.
 */

import { pointOf } from '../../shared/geometry.js';

/**
 * @typedef {import('../../shared/geometry.js').Plane} Plane
 * @typedef {import('./maps.js').Maps} Maps
 * @typedef {import('./cut.js').Place} Place
 *
 * @typedef {object} Way
 * @property {readonly number[] | null} matrix twelve numbers, row by row (3 x 4); null: no matrix
 * @property {string | null} reason why there is no way
 * @typedef {{points: Float64Array, rows: number, columns: number, offMm: number}} Grid `offMm`: seen between the nodes of half as fine a grid
 */

const REACH_MM = 150; // of the points by which a matrix is found, and checked
/** Not in line with the others, so that what bends does not look straight. */
const BETWEEN = [[70, -41, 93], [-113, 67, -31], [37, 139, -127], [-59, -83, 23], [131, 17, 149]];
const EXACT_MM = 1e-3; // rounding: what is a matrix is met so closely
const CELLS = [30, 60, 120]; // a side; a thousand points a request
const ENOUGH_MM = 0.3; // between the nodes of half as fine a grid, which is off about four times as much as this one

/**
 * @param {Maps} maps
 * @param {string} source FrameOfReferenceUID
 * @param {string} target
 * @param {AbortSignal} signal
 * @returns {Promise<Way>}
 */
export async function wayBetween(maps, source, target, signal) {
  const r = REACH_MM;
  const asked = [[0, 0, 0], [r, 0, 0], [0, r, 0], [0, 0, r], [r, r, r], [0, -r, -r], ...BETWEEN];
  const { points, reason, method } = await maps.map('matrix', source, target, asked, signal);
  if (reason !== null) {
    return { matrix: null, reason };
  }
  if (method === 'deformable' || points.some((point) => point === null)) {
    return { matrix: null, reason: null };
  }
  const [origin, ...axes] = /** @type {number[][]} */ (points);
  const matrix = [0, 1, 2].flatMap((axis) => [...axes.slice(0, 3).map((end) => (end[axis] - origin[axis]) / r), origin[axis]]);
  const isMet = asked.every((point, at) => Math.hypot(...moved(matrix, point).map((value, axis) => value - /** @type {any} */ (points[at])[axis])) < EXACT_MM);
  return { matrix: isMet ? matrix : null, reason: null };
}

/** @param {readonly number[]} matrix 3 x 4 @param {readonly number[]} point */
export function moved(matrix, [x, y, z]) {
  return [0, 4, 8].map((at) => matrix[at] * x + matrix[at + 1] * y + matrix[at + 2] * z + matrix[at + 3]);
}

/**
 * @param {readonly number[]} fromCanvas (column, row) of the clicked image for each pixel of the canvas: six numbers
 * @param {Plane} plane that was clicked
 * @param {readonly number[]} matrix 3 x 4
 * @returns {Place}
 */
export function flatPlace([ci, cj, c0, ri, rj, r0], plane, matrix) {
  const start = moved(matrix, pointOf(plane, r0, c0));
  const right = moved(matrix, pointOf(plane, r0 + ri, c0 + ci));
  const down = moved(matrix, pointOf(plane, r0 + rj, c0 + cj));
  return { matrix: [...right.map((value, axis) => value - start[axis]), ...down.map((value, axis) => value - start[axis]), ...start] };
}

/**
 * @param {readonly number[]} fromCanvas
 * @param {{rows: number, columns: number}} image that was clicked
 * @param {Grid} grid over it
 * @returns {Place}
 */
export function gridPlace([ci, cj, c0, ri, rj, r0], image, { points, rows, columns }) {
  const [u, v] = [(columns - 1) / image.columns, (rows - 1) / image.rows];
  return { matrix: [ci * u, cj * u, (c0 + 0.5) * u, ri * v, rj * v, (r0 + 0.5) * v], points, rows, columns };
}

/**
 * @param {Maps} maps
 * @param {{source: string, target: string, plane: Plane, rows: number, columns: number}} from the image that was clicked
 * @param {AbortSignal} signal
 * @returns {Promise<Grid>}
 */
export async function gridOver(maps, { source, target, plane, rows, columns }, signal) {
  let grid = null;
  const pair = `${source} ${target}`;
  // the planes beside it will need as fine a grid
  for (const cells of CELLS.slice(maps.levels.get(pair) ?? 0)) {
    const nodes = [];
    for (let v = 0; v <= cells; v += 1) {
      for (let u = 0; u <= cells; u += 1) {
        nodes.push(pointOf(plane, (v / cells) * rows - 0.5, (u / cells) * columns - 0.5));
      }
    }
    const key = `grid ${cells} ${rows} ${columns} ${plane.position.join()} ${plane.orientation.join()} ${plane.spacing.join()}`;
    const { points } = await maps.map(key, source, target, nodes, signal);
    const flat = Float64Array.from(points.flatMap((point) => point ?? [NaN, NaN, NaN]));
    grid = { points: flat, rows: cells + 1, columns: cells + 1, offMm: offBetween(flat, cells + 1) };
    maps.levels.set(pair, CELLS.indexOf(cells));
    if (grid.offMm <= ENOUGH_MM) {
      break;
    }
  }
  return /** @type {Grid} */ (grid);
}

/**
 * How far every other node is from the middle of its neighbours: what a grid half as fine would be off there, mm.
 *
 * @param {Float64Array} points
 * @param {number} side nodes, odd
 */
export function offBetween(points, side) {
  let most = 0;
  for (let v = 0; v < side; v += 1) {
    for (let u = 0; u < side; u += 1) {
      if (u % 2 || v % 2) {
        const [left, right] = u % 2 ? [u - 1, u + 1] : [u, u];
        const [top, bottom] = v % 2 ? [v - 1, v + 1] : [v, v];
        const corners = [[left, top], [right, top], [left, bottom], [right, bottom]].map(([x, y]) => 3 * (y * side + x));
        const off = Math.hypot(...[0, 1, 2].map((axis) => points[3 * (v * side + u) + axis]
          - corners.reduce((sum, at) => sum + points[at + axis], 0) / 4));
        most = off > most ? off : most;
      }
    }
  }
  return most;
}
