// @ts-check
/**
 * Rigid maps, and the one that fits pairs of landmarks best: Horn's closed form (J Opt Soc Am A 4 (1987) 629). LPS, mm. The server
 * fits the same pairs (POST /transforms/fit) and says what error to expect; this one is here before it has answered. Pure.
 */

import { applied } from '../../shared/geometry.js';

/**
 * @typedef {readonly number[]} Point x, y, z
 * @typedef {number[][]} Matrix 4 rows of 4, target from source
 * @typedef {{source: Point, target: Point}} Pair
 */

export const LEAST_PAIRS = 3;
const SWEEPS = 60;

/** @returns {Matrix} */
export function identity() {
  return [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]];
}

/** @param {Matrix} a @param {Matrix} b @returns {Matrix} a after b */
export function product(a, b) {
  return a.map((row) => [0, 1, 2, 3].map((column) => row.reduce((sum, value, at) => sum + value * b[at][column], 0)));
}

/** Of a rotation and a translation. @param {Matrix} matrix @returns {Matrix} */
export function inverse(matrix) {
  const turned = [0, 1, 2].map((row) => [0, 1, 2].map((column) => matrix[column][row]));
  return [...turned.map((row) => [...row, -row.reduce((sum, value, at) => sum + value * matrix[at][3], 0)]), [0, 0, 0, 1]];
}

/**
 * @param {Pair[]} pairs at least three that are not on a line
 * @returns {Matrix} target from source; a rotation and a translation, never a mirror image
 */
export function fitRigid(pairs) {
  const middle = (/** @type {'source' | 'target'} */ side) => [0, 1, 2].map((axis) => pairs.reduce((sum, pair) => sum + pair[side][axis], 0) / pairs.length);
  const [from, to] = [middle('source'), middle('target')];
  const s = [0, 1, 2].map((row) => [0, 1, 2].map((column) => pairs.reduce((sum, { source, target }) => (
    sum + (source[row] - from[row]) * (target[column] - to[column])), 0)));
  const [[xx, xy, xz], [yx, yy, yz], [zx, zy, zz]] = s;
  const quaternion = largest([
    [xx + yy + zz, yz - zy, zx - xz, xy - yx],
    [yz - zy, xx - yy - zz, xy + yx, zx + xz],
    [zx - xz, xy + yx, yy - xx - zz, yz + zy],
    [xy - yx, zx + xz, yz + zy, zz - xx - yy],
  ]);
  const rotation = turning(quaternion);
  return [...rotation.map((row, axis) => [...row, to[axis] - row.reduce((sum, value, at) => sum + value * from[at], 0)]), [0, 0, 0, 1]];
}

/** What is left between the pairs, mm. @param {Matrix} matrix @param {Pair[]} pairs @returns {number[]} */
export function residuals(matrix, pairs) {
  return pairs.map(({ source, target }) => {
    const [x, y, z] = applied(matrix, source);
    return Math.hypot(x - target[0], y - target[1], z - target[2]);
  });
}

/** @param {number[]} q w, x, y, z, a unit quaternion @returns {number[][]} 3 rows of 3 */
function turning([w, x, y, z]) {
  return [
    [w * w + x * x - y * y - z * z, 2 * (x * y - w * z), 2 * (x * z + w * y)],
    [2 * (x * y + w * z), w * w - x * x + y * y - z * z, 2 * (y * z - w * x)],
    [2 * (x * z - w * y), 2 * (y * z + w * x), w * w - x * x - y * y + z * z],
  ];
}

/** The eigenvector of the largest eigenvalue of a symmetric matrix, by Jacobi's rotations. @param {number[][]} symmetric @returns {number[]} */
function largest(symmetric) {
  const a = symmetric.map((row) => [...row]);
  const size = a.length;
  const vectors = a.map((_, row) => a.map((__, column) => Number(row === column)));
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    for (let p = 0; p < size; p += 1) {
      for (let q = p + 1; q < size; q += 1) {
        rotate(a, vectors, p, q);
      }
    }
  }
  const values = a.map((row, at) => row[at]);
  const best = values.indexOf(Math.max(...values));
  const vector = vectors.map((row) => row[best]);
  const length = Math.hypot(...vector);
  return vector.map((value) => value / length);
}

/** @param {number[][]} a @param {number[][]} vectors @param {number} p @param {number} q */
function rotate(a, vectors, p, q) {
  if (a[p][q] === 0) {
    return;
  }
  const theta = (a[q][q] - a[p][p]) / (2 * a[p][q]);
  const t = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.hypot(theta, 1));
  const c = 1 / Math.hypot(t, 1);
  const s = t * c;
  for (let k = 0; k < a.length; k += 1) {
    const [kp, kq] = [a[k][p], a[k][q]];
    a[k][p] = c * kp - s * kq;
    a[k][q] = s * kp + c * kq;
  }
  for (let k = 0; k < a.length; k += 1) {
    const [pk, qk] = [a[p][k], a[q][k]];
    a[p][k] = c * pk - s * qk;
    a[q][k] = s * pk + c * qk;
    const [vp, vq] = [vectors[k][p], vectors[k][q]];
    vectors[k][p] = c * vp - s * vq;
    vectors[k][q] = s * vp + c * vq;
  }
}

/**
 * A rigid map from six numbers: turns about x, y, then z through a pivot, degrees, then a shift, mm.
 *
 * @param {number[]} six shift x, y, z; turns about x, y, z
 * @param {Point} pivot in the source
 * @returns {Matrix}
 */
export function fromSix([dx, dy, dz, rx, ry, rz], pivot) {
  const [a, b, c] = [rx, ry, rz].map((degrees) => (degrees * Math.PI) / 180);
  const x = [[1, 0, 0, 0], [0, Math.cos(a), -Math.sin(a), 0], [0, Math.sin(a), Math.cos(a), 0], [0, 0, 0, 1]];
  const y = [[Math.cos(b), 0, Math.sin(b), 0], [0, 1, 0, 0], [-Math.sin(b), 0, Math.cos(b), 0], [0, 0, 0, 1]];
  const z = [[Math.cos(c), -Math.sin(c), 0, 0], [Math.sin(c), Math.cos(c), 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]];
  const turned = product(z, product(y, x));
  const moved = applied(turned, pivot);
  [dx, dy, dz].forEach((shift, axis) => {
    turned[axis][3] = pivot[axis] - moved[axis] + shift;
  });
  return turned;
}

/** The six numbers of a rigid map. @param {Matrix} matrix @param {Point} pivot @returns {number[]} */
export function toSix(matrix, pivot) {
  const degrees = (/** @type {number} */ angle) => (angle * 180) / Math.PI;
  const ry = Math.asin(Math.min(1, Math.max(-1, -matrix[2][0])));
  const rx = Math.atan2(matrix[2][1], matrix[2][2]);
  const rz = Math.atan2(matrix[1][0], matrix[0][0]);
  const there = applied(matrix, pivot);
  return [...there.map((value, axis) => value - pivot[axis]), degrees(rx), degrees(ry), degrees(rz)];
}

/** A turn about an axis through a point. @param {Point} axis of unit length @param {number} angle radians @param {Point} through @returns {Matrix} */
export function turnAbout(axis, angle, through) {
  const half = angle / 2;
  const rotation = turning([Math.cos(half), ...axis.map((value) => value * Math.sin(half))]);
  const matrix = /** @type {Matrix} */ ([...rotation.map((row) => [...row, 0]), [0, 0, 0, 1]]);
  const moved = applied(matrix, through);
  through.forEach((value, at) => {
    matrix[at][3] = value - moved[at];
  });
  return matrix;
}
